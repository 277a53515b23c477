"""The difference table of a run's profiles."""

from typing import Any

from sptraderb.domain.profile_differences import profile_differences


def trade(hour: int, exit_price: str = "1.20000", reason: str = "take_profit") -> dict[str, Any]:
    """Return a trade as results serve it."""
    return {
        "side": "long",
        "entry_time": f"2024-01-01T{hour:02d}:00:00Z",
        "entry_price": "1.10000",
        "exit_time": f"2024-01-01T{hour + 1:02d}:00:00Z",
        "exit_price": exit_price,
        "exit_reason": reason,
        "quantity": "1000",
    }


def document(trades: list[dict[str, Any]], pnl: str = "10.00") -> dict[str, Any]:
    """Return the part of a result that is compared."""
    return {"total_pnl": pnl, "total_trades": len(trades), "completed_trades": trades}


def test_differences_when_profiles_agree_then_every_trade_is_exact() -> None:
    """Equal trades match one by one; no figure differs."""
    same = document([trade(1), trade(3)])
    table = profile_differences({"strict": same, "tradingview": same})
    assert table["trades"] == [
        {
            "profile": "tradingview",
            "n_trades": 2,
            "exact": 2,
            "same_entry": 0,
            "only_here": 0,
            "only_first": 0,
            "first_difference": None,
        }
    ]
    assert not any(row["differs"] for row in table["figures"])  # type: ignore[index,attr-defined]


def test_differences_when_an_exit_and_an_entry_differ_then_they_are_told_apart() -> None:
    """Another exit of the same entry, a trade only here and a trade only there are counted apart."""
    first = document([trade(1), trade(3), trade(5)])
    other = document([trade(1), trade(3, "1.09000", "stop_loss"), trade(7)], pnl="-4.00")
    table = profile_differences({"strict": first, "close": other})
    assert table["trades"] == [
        {
            "profile": "close",
            "n_trades": 3,
            "exact": 1,
            "same_entry": 1,
            "only_here": 1,
            "only_first": 1,
            "first_difference": "2024-01-01T03:00:00Z",
        }
    ]
    by_name = {row["name"]: row for row in table["figures"]}  # type: ignore[index,attr-defined]
    assert by_name["total_pnl"] == {
        "name": "total_pnl",
        "values": {"strict": "10.00", "close": "-4.00"},
        "differs": True,
    }
    assert not by_name["total_trades"]["differs"]


def test_differences_when_equal_trades_repeat_then_each_matches_once() -> None:
    """Two equal trades on one side and one on the other leave one unmatched."""
    table = profile_differences({"strict": document([trade(1)]), "close": document([trade(1), trade(1)])})
    row = table["trades"][0]  # type: ignore[index]
    assert (row["exact"], row["only_here"], row["only_first"]) == (1, 1, 0)
