"""What a result says of the profiles it was run with."""

import pytest

from sptraderb.orchestrator.profile_notes import optimistic_notes
from sptraderb.testing.account_runs import account_request


@pytest.mark.parametrize(
    ("profile", "more", "named"),
    [
        ("strict", ("tradingview", "tradingview_magnifier"), ""),
        ("close", (), "close"),
        ("strict", ("close", "tradingview_on_close"), "close, tradingview_on_close"),
        ("tradingview_magnifier_on_close", (), "tradingview_magnifier_on_close"),
    ],
)
def test_notes_when_a_profile_fills_at_its_deciding_close_then_it_is_named(
    profile: str, more: tuple[str, ...], named: str
) -> None:
    """A profile that fills at the close that decides is flagged optimistic, the others are not (T1)."""
    notes = optimistic_notes(account_request(profile=profile, more_profiles=more))
    assert [note.code for note in notes] == ["profile.optimistic"] * bool(named)
    assert all(f"Optimistic: {named} fills" in note.text for note in notes)
