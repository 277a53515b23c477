"""Known-answer cases of accounts: several symbols, or both sides of one, with the answer worked out (A1).

Place: reads ``tests/oracle/account_cases/*.yaml``. A leg is written as a case of `known_answers` is; what
belongs to the account stands apart and is the same in all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from sptraderb.domain.fixed import rate_from_text, text_from_ticks
from sptraderb.domain.outcome import EVENT_COLUMNS, LEDGER_COLUMNS, ORDER_COLUMNS, TRADE_COLUMNS
from sptraderb.domain.portfolio import ACCOUNT_LEG, Leg, PortfolioOutcome
from sptraderb.testing.known_answers import KnownAnswer, case_from, money_text

_TABLES = {
    "trades": (TRADE_COLUMNS, "trade_legs"),
    "ledger": (LEDGER_COLUMNS, "ledger_legs"),
    "orders": (ORDER_COLUMNS, "order_legs"),
    "events": (EVENT_COLUMNS, "event_legs"),
}
_CURVES = {"equity": "equity_minor", "trough": "trough_minor", "balances": "balance_minor"}
_ACCOUNT = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAccount:
    """One case.

    Parameters
    ----------
    name : str
        What it shows.
    rules : tuple of str
        Ids of the rules it proves.
    cases : tuple of KnownAnswer
        The legs, in the order of the request.
    hedging : bool
        Whether both sides of a symbol may be held.
    expected : mapping
        Tables and figures as written in the case; only what is written is compared.
    """

    name: str
    rules: tuple[str, ...]
    cases: tuple[KnownAnswer, ...]
    hedging: bool
    expected: Mapping[str, object]

    @property
    def legs(self) -> tuple[Leg, ...]:
        """What `simulate_portfolio` and `replay_portfolio` take."""
        return tuple(
            Leg(
                symbol=case.candles.instrument.symbol,
                plan=case.plan,
                candles=case.candles,
                signals=case.signals,
                terms=case.terms,
            )
            for case in self.cases
        )

    def answers(self, outcome: PortfolioOutcome) -> dict[str, object]:
        """Return what an outcome says about everything that is expected, spelt as in the case."""
        return {key: self._answer(key, wanted, outcome) for key, wanted in self.expected.items()}

    def _answer(self, key: str, wanted: object, outcome: PortfolioOutcome) -> object:
        decimals = outcome.money_decimals
        if key in _CURVES:
            column = getattr(outcome, _CURVES[key]).tolist()
            return [money_text(text_from_ticks(value, decimals)) for value in column]
        if key == "balance":
            return money_text(text_from_ticks(outcome.end_balance_minor, decimals))
        if key in ("long_steps", "short_steps"):
            return [getattr(leg, key).tolist() for leg in outcome.legs]
        if key == "open_legs":
            return [leg for leg, _ in outcome.open_positions]
        columns, legs = _TABLES[key]
        rows = [dict(zip(columns, row, strict=True)) for row in getattr(outcome, key).tolist()]
        named = list(zip(getattr(outcome, legs).tolist(), rows, strict=True))
        if key == "ledger":
            return [f"{_leg_name(leg)}: {self._case(leg).ledger_line(row, decimals)}" for leg, row in named]
        shown = list(wanted) if isinstance(wanted, list) else []
        shown += [shown[-1] if shown else {}] * (len(rows) - len(shown))
        return [self._row(leg, row, like) for (leg, row), like in zip(named, shown, strict=False)]

    def _row(self, leg: int, row: Mapping[str, int], like: Mapping[str, object]) -> dict[str, object]:
        cells = {name: value for name, value in like.items() if name != "leg"}
        case = self._case(leg)
        return {"leg": _leg_name(leg), **case.row(row, cells, case.terms.money_decimals)}

    def _case(self, leg: int) -> KnownAnswer:
        return self.cases[max(leg, 0)]


def _leg_name(leg: int) -> int | str:
    return _ACCOUNT if leg == ACCOUNT_LEG else leg


def read_accounts(path: Path) -> list[KnownAccount]:
    """Read all cases of one file."""
    return [account_from(raw) for raw in yaml.safe_load(path.read_text(encoding="utf-8"))]


def account_from(raw: Mapping[str, object]) -> KnownAccount:
    """Build one case from its mapping; an unknown key is a `KeyError`, so that no typo passes.

    ``account`` states capital, money decimals, margin and limits as a leg's ``terms`` would, and beside
    them ``max_positions`` and ``stop_out``; each row expected names its ``leg``, or ``account``.
    """
    fields = dict(raw)
    account, legs = _mapping(fields.pop("account")), fields.pop("legs")
    if not isinstance(legs, list):
        raise TypeError(f"a list of legs is needed, was {legs!r}")
    most, stop_out = int(str(account.pop("max_positions", 0))), str(account.pop("stop_out", "50%"))
    cases = []
    for leg in legs:
        own = _mapping(leg)
        terms = account | _mapping(own.pop("terms", {}))
        about = {"name": raw["name"], "rules": raw["rules"], "source": "", "worked": "", "expect": {}}
        case = case_from(about | own | {"terms": terms})
        risk = replace(case.terms.risk, max_positions=most)
        common = replace(case.terms, risk=risk, stop_out_ppb=rate_from_text(stop_out), currency="USD")
        cases.append(replace(case, terms=common))
    known = KnownAccount(
        name=str(fields.pop("name")),
        rules=tuple(str(rule) for rule in np.atleast_1d(np.array(fields.pop("rules")))),
        cases=tuple(cases),
        hedging=bool(fields.pop("hedging", False)),
        expected=_mapping(fields.pop("expect")),
    )
    fields.pop("source")
    fields.pop("worked")
    if fields:
        raise KeyError(f"{known.name}: unknown keys {sorted(fields)}")
    return known


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"a mapping is needed, was {value!r}")
    return dict(value)
