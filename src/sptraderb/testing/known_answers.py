"""Known-answer cases: small runs written by hand, with the answer worked out beside them.

Place: reads ``tests/oracle/cases/*.yaml`` into plan, candles, signals and terms, so that both
engines can be asked the same question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from sptraderb.domain.candle import Candles
from sptraderb.domain.fixed import rate_from_text, text_from_ticks, ticks_from_text
from sptraderb.domain.instrument import CandleSide, Instrument, infer_instrument
from sptraderb.domain.order import (
    LONG,
    MARKET_ORDER,
    SHORT,
    Distance,
    DistanceKind,
    EntryRule,
    ExitRules,
    OrderForm,
    OrderKind,
    PartialExit,
    ScaleIn,
    SizeKind,
    SizeRule,
)
from sptraderb.domain.outcome import (
    EVENT_COLUMNS,
    LEDGER_COLUMNS,
    ORDER_COLUMNS,
    TRADE_COLUMNS,
    EventCode,
    ExitReason,
    LedgerKind,
    OrderReason,
    OrderState,
    Outcome,
)
from sptraderb.domain.plan import Node, Plan, RiskLimits, Signals
from sptraderb.domain.profile import PROFILES
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.testing.known_money import with_money

_CONDITIONS = ("long", "short", "exit_long", "exit_short")
_STOP_NODE, _TARGET_NODE = 4, 5
_ORDER_CONDITIONS = {"long_now": 6, "short_now": 7, "cancel_long": 8, "cancel_short": 9}
_ORDER_PRICES = {"long_stop": 10, "long_limit": 11, "short_stop": 12, "short_limit": 13}
_DISTANCE_NODE = 14
_WORDS = {"reason": OrderReason, "state": OrderState, "code": EventCode, "exit_reason": ExitReason}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAnswer:
    """One case.

    Parameters
    ----------
    name : str
        What it shows.
    rules : tuple of str
        Ids of the rules it proves.
    plan, candles, signals, terms
        What to run.
    expected : mapping
        Tables and figures as written in the case; only what is written is compared.
    """

    name: str
    rules: tuple[str, ...]
    plan: Plan
    candles: Candles
    signals: Signals
    terms: Terms
    expected: Mapping[str, object]

    def answers(self, outcome: Outcome) -> dict[str, object]:
        """Return what an outcome says about everything that is expected, spelt as in the case."""
        return {key: self._answer(key, wanted, outcome) for key, wanted in self.expected.items()}

    def _answer(self, key: str, wanted: object, outcome: Outcome) -> object:
        decimals = outcome.money_decimals
        if key in ("equity", "trough"):
            column = outcome.equity_minor if key == "equity" else outcome.trough_minor
            return [money_text(text_from_ticks(int(value), decimals)) for value in column]
        if key == "balance":
            return money_text(text_from_ticks(outcome.balance_minor, decimals))
        if key in ("held_steps", "exposed"):
            return [int(value) for value in getattr(outcome, key)]
        if key == "open_position":
            return self._shown(outcome.open_position, wanted)
        columns = {
            "trades": TRADE_COLUMNS,
            "ledger": LEDGER_COLUMNS,
            "orders": ORDER_COLUMNS,
            "events": EVENT_COLUMNS,
        }[key]
        rows = [dict(zip(columns, row, strict=True)) for row in getattr(outcome, key).tolist()]
        if key == "ledger":
            return [self.ledger_line(row, decimals) for row in rows]
        shown = list(wanted) if isinstance(wanted, list) else []
        shown += [shown[-1] if shown else {}] * (len(rows) - len(shown))
        return [self.row(row, like, decimals) for row, like in zip(rows, shown, strict=False)]

    def _shown(self, position: object, wanted: object) -> object:
        if position is None or not isinstance(wanted, dict):
            return None if position is None else "held"
        row = {name: getattr(position, name) for name in wanted if hasattr(position, name)}
        return self.row(row, wanted, self.terms.money_decimals)

    def ledger_line(self, row: Mapping[str, int], decimals: int) -> str:
        """Return a row of the ledger as a case writes it: bar, kind, amount, position."""
        kind = LedgerKind(row["kind"]).name.lower()
        amount = money_text(text_from_ticks(row["amount_minor"], decimals))
        return f"{row['bar']} {kind} {amount} {row['position']}"

    def row(self, row: Mapping[str, int], like: Mapping[str, object], decimals: int) -> dict[str, object]:
        """Return the cells of a row that ``like`` writes down, spelt as a case does."""
        return {name: self._cell(name, row, decimals) for name in (like or row)}

    def _cell(self, name: str, row: Mapping[str, int], decimals: int) -> object:
        if name in _WORDS:
            return _WORDS[name](row[name]).name.lower()
        if name == "value" or name.endswith("_minor"):
            return money_text(text_from_ticks(row[name], decimals))
        if name.endswith("_ticks") and name not in ("mae_ticks", "mfe_ticks"):
            return text_from_ticks(row[name], self.candles.instrument.price_scale) if row[name] else "none"
        return int(row[name])


def read_cases(path: Path) -> list[KnownAnswer]:
    """Read all cases of one file."""
    return [case_from(raw) for raw in yaml.safe_load(path.read_text(encoding="utf-8"))]


def case_from(raw: Mapping[str, object]) -> KnownAnswer:
    """Build one case from its mapping; an unknown key is a `KeyError`, so that no typo passes.

    A side with `..._stop` or `..._limit` prices (by bar) rests there, with both as a stop-limit; beside
    it `..._now` enters at market. `cancel_...`, `expires_bars` and `oco` say how resting orders end.
    """
    fields = dict(raw)
    instrument = _instrument(_mapping(fields.pop("instrument", {})))
    bars = {"": _list(fields.pop("bars")), "ask_": _list(fields.pop("ask_bars", []))}
    candles = _candles(bars, instrument, _mapping(fields.pop("candles", {})))
    stated = frozenset(fields)
    signals = _signals(fields, len(candles))
    terms = _terms(_mapping(fields.pop("terms", {})), instrument)
    terms = with_money(terms, candles, _mapping(fields.pop("money", {})))
    exits = _exits(fields)
    plan = Plan(
        name="case", nodes=_NODES, entries=_entries(fields, exits, stated), scale_in=_scale_in(fields)
    )
    case = KnownAnswer(
        name=str(fields.pop("name")),
        rules=tuple(str(rule) for rule in _list(fields.pop("rules"))),
        plan=plan,
        candles=candles,
        signals=signals,
        terms=terms,
        expected=_mapping(fields.pop("expect")),
    )
    fields.pop("source")
    fields.pop("worked")
    if fields:
        raise KeyError(f"{case.name}: unknown keys {sorted(fields)}")
    return case


def money_text(text: str) -> str:
    """Drop zeros behind the cents: money of a case is written as a person would."""
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}" if decimals else whole


_NODES = (
    *(Node(op="column", name=name, boolean=True, text=name) for name in _CONDITIONS),
    Node(op="column", name="stop", text="stop"),
    Node(op="column", name="target", text="target"),
    *(Node(op="column", name=name, boolean=True, text=name) for name in _ORDER_CONDITIONS),
    *(Node(op="column", name=name, text=name) for name in _ORDER_PRICES),
    Node(op="column", name="distance", text="distance"),
)


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"a mapping is needed, was {value!r}")
    return dict(value)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"a list is needed, was {value!r}")
    return value


def _instrument(raw: dict[str, object]) -> Instrument:
    base = infer_instrument(str(raw.pop("symbol", "EURUSD")))
    side = CandleSide(str(raw.pop("side", "bid")))
    numbers = {name: int(str(value)) for name, value in raw.items()}
    return replace(base, side=side, **numbers)  # type: ignore[arg-type]


def _candles(bars: Mapping[str, Sequence[object]], instrument: Instrument, raw: dict[str, object]) -> Candles:
    timeframe = parse_timeframe(str(raw.pop("timeframe", "1h")))
    start = int(str(raw.pop("start_s", 1_704_186_000)))
    missing = [int(str(bar)) for bar in _list(raw.pop("missing_before", []))]
    slots = np.arange(len(bars[""])) + np.searchsorted(
        np.sort(missing), np.arange(len(bars[""])), side="right"
    )
    arrays: dict[str, npt.NDArray[np.int64]] = {"time_s": start + timeframe.seconds * slots}
    for prefix, rows in bars.items():
        if rows:
            prices = [
                [ticks_from_text(word, instrument.price_scale) for word in str(bar).split()] for bar in rows
            ]
            names = (f"{prefix}{name}_ticks" for name in ("open", "high", "low", "close"))
            arrays |= dict(zip(names, np.array(prices, dtype=np.int64).T, strict=True))
    return Candles.from_columns(arrays, instrument=instrument, timeframe=timeframe)


def _signals(fields: dict[str, object], n_bars: int) -> Signals:
    conditions = {}
    named = {name: node for node, name in enumerate(_CONDITIONS)} | _ORDER_CONDITIONS
    for name, node in named.items():
        true = np.zeros(n_bars, dtype=np.bool_)
        true[[int(str(bar)) for bar in _list(fields.pop(name, []))]] = True
        conditions[node] = true
    levels = {}
    series = {"stop_series": _STOP_NODE, "target_series": _TARGET_NODE, "distance_series": _DISTANCE_NODE}
    for name, node in (series | _ORDER_PRICES).items():
        values = fields.pop(name, [])
        levels[node] = np.full(n_bars, np.nan)
        for bar, value in _mapping(values or {}).items():
            levels[node][int(bar)] = float(str(value))
    allowed = np.ones(n_bars, dtype=np.bool_)
    allowed[[int(str(bar)) for bar in _list(fields.pop("closed_bars", []))]] = False
    return Signals(conditions=conditions, levels=levels, entry_allowed=allowed, ready_bar=0)


def _terms(raw: dict[str, object], instrument: Instrument) -> Terms:
    capital = str(raw.pop("capital", "10000"))
    stated = raw.pop("money_decimals", None)
    if stated is None:
        stated = money_decimals(instrument, capital_text=capital, leverage=30)
    decimals = int(str(stated))
    rates = {
        "commission": "commission_ppb",
        "margin": "margin_rate_ppb",
        "slippage": "slippage_ppb",
    }
    profile = PROFILES[str(raw.pop("profile", "strict"))]
    limits = {name: rate_from_text(str(raw.pop(name))) for name in tuple(raw) if name in _LIMITS}
    risk = RiskLimits(**{f"{name}_ppb": value for name, value in limits.items()})
    money = [name for name in raw if name.startswith("commission_")]
    values = {f"{name}_minor": ticks_from_text(str(raw.pop(name)), decimals) for name in money}
    for name, value in raw.items():
        values[rates.get(name, name)] = rate_from_text(str(value)) if name in rates else int(str(value))
    margin = values.pop("margin_rate_ppb", instrument.margin_rate_ppb)
    for name in ("close_at_end", "for_position"):
        values[name] = bool(values.get(name, 0))
    return Terms(
        money_decimals=decimals,
        capital_minor=ticks_from_text(capital, decimals),
        margin_rate_ppb=margin,
        risk=risk,
        profile=profile,
        **values,  # type: ignore[arg-type]
    )


_LIMITS = ("max_drawdown", "daily_loss_limit", "max_position_size", "max_position_units")


def _size(text: str) -> SizeRule:
    amount, _, unit = text.partition(" ")
    kinds = {"units": SizeKind.UNITS, "lots": SizeKind.LOTS, "money": SizeKind.NOTIONAL}
    kinds |= {"of equity": SizeKind.EQUITY_FRACTION, "at risk": SizeKind.RISK}
    return SizeRule(kind=kinds[unit], amount=rate_from_text(amount), text=text)


def _exits(fields: dict[str, object]) -> ExitRules:
    return ExitRules(
        stop_loss=_distance(fields.pop("stop_loss", None), _STOP_NODE),
        take_profit=_distance(fields.pop("take_profit", None), _TARGET_NODE),
        trailing_stop=_distance(fields.pop("trailing_stop", None), _STOP_NODE),
        trailing_activate=_distance(fields.pop("trailing_activate", None), _TARGET_NODE),
        break_even_at=_distance(fields.pop("break_even_at", None), _TARGET_NODE),
        max_bars=int(str(fields.pop("max_bars", 0))),
        max_duration_s=int(str(fields.pop("max_duration_s", 0))),
        live_from_next_bar=bool(fields.pop("live_from_next_bar", False)),
        partial=tuple(_partial(str(text)) for text in _list(fields.pop("partial", []))),
    )


def _partial(text: str) -> PartialExit:
    """Read `50 ticks, 0.5` or `50 ticks, 0.5, break_even`: where, which share, what then."""
    words = [word.strip() for word in text.split(",")]
    at = _distance(words[0], _TARGET_NODE)
    if at is None or words[2:] not in ([], ["break_even"]):
        raise KeyError(f"a partial exit is `distance, share` and perhaps `break_even`, was {text}")
    return PartialExit(at=at, close_ppb=rate_from_text(words[1]), then_break_even=len(words) == 3)


def _scale_in(fields: dict[str, object]) -> ScaleIn | None:
    raw = fields.pop("scale_in", None)
    if raw is None:
        return None
    stated = _mapping(raw)
    rule = ScaleIn(
        max_entries=int(str(stated.pop("max_entries"))),
        min_distance=_distance(stated.pop("min_distance", None), _DISTANCE_NODE),
    )
    if stated:
        raise KeyError(f"unknown keys in scale_in {sorted(stated)}")
    return rule


def _distance(text: object, node: int) -> Distance | None:
    if text is None:
        return None
    words = str(text).split()
    if words == ["series"]:
        return Distance(kind=DistanceKind.SERIES, node=node)
    if words == ["price"]:
        return Distance(kind=DistanceKind.PRICE, node=node)
    if len(words) == 1:
        return Distance(kind=DistanceKind.RATE, amount=rate_from_text(words[0]))
    kind = {"ticks": DistanceKind.TICKS, "R": DistanceKind.R}[words[1]]
    return Distance(kind=kind, amount=ticks_from_text(words[0], 6))


def _entries(fields: dict[str, object], exits: ExitRules, stated: frozenset[str]) -> tuple[EntryRule, ...]:
    """Build a rule per side, and a second one that enters at market (`long_now`, `short_now`)."""
    size = _size(str(fields.pop("size", "1000 units")))
    second = _size(str(fields.pop("second_size", size.text)))
    expires, oco = int(str(fields.pop("expires_bars", 0))), bool(fields.pop("oco", True))
    rules = []
    for node, (name, side) in enumerate((("long", LONG), ("short", SHORT))):
        own = replace(exits, when=node + 2)
        rule = EntryRule(name=name, side=side, when=node, size=size, exits=own)
        order, cancel = _order(name, expires, stated), _ORDER_CONDITIONS[f"cancel_{name}"]
        rules.append(replace(rule, order=order, cancel_when=cancel, oco=oco))
        if f"{name}_now" in stated:
            now = _ORDER_CONDITIONS[f"{name}_now"]
            rules.append(replace(rule, name=f"{name}_now", when=now, size=second))
    return tuple(rules)


def _order(name: str, expires_bars: int, stated: frozenset[str]) -> OrderForm:
    """Return the form whose prices a case states for a side: none of them is a market order."""
    kinds = {"stop": OrderKind.STOP, "limit": OrderKind.LIMIT}
    prices = {kind: _ORDER_PRICES[f"{name}_{kind}"] for kind in kinds if f"{name}_{kind}" in stated}
    if not prices:
        return MARKET_ORDER
    return OrderForm(
        kind=OrderKind.STOP_LIMIT if len(prices) == 2 else kinds[next(iter(prices))],
        stop_node=prices.get("stop", -1),
        limit_node=prices.get("limit", -1),
        expires_bars=expires_bars,
    )
