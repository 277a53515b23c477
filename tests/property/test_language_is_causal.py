"""No word of the language sees the future: values at bar t stay when later bars change or are cut.

One graph holds every output of every indicator, every function and every construct. On stretches of real
candles each bar is taken as the present once: with its future cut, and with other bars in its place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.profile import STRICT, TRADINGVIEW, Profile
from sptraderb.engine import operations
from sptraderb.engine.evaluate import evaluate, evaluate_series
from sptraderb.engine.frames import Frame
from sptraderb.engine.function_registry import FUNCTIONS
from sptraderb.engine.indicator_registry import REGISTRY
from sptraderb.engine.indicator_spec import PRICES, IndicatorSpec, ParameterSpec
from sptraderb.strategy.compiler import StrategyTarget, compile_strategy
from sptraderb.testing.causality import find_leaks
from sptraderb.testing.train_candles import train_candles

_WARM_UP = 260
_NUMBERS = ("close", "sma(close, 9)", "open")
_ARGUMENTS = {"boolean": "close > open", "bars": "3"}
_CONSTRUCTS = (
    "close[3]",
    "(close > open)[2]",
    "sma(close, 4)[1] - sma(close[1], 4)",
    "sma(close@4h, 5)",
    "rsi(close@4h, 3)[1]",
    "rsi(close@1d, 3)[1]",
    "atr(3)@12h",
    "macd(3, 6, 2)@4h.signal",
    "vwap()@4h",
    "supertrend(2, 3)@4h.direction",
    "high@1d - low@1d",
    "close@1w",
    "highest(high@4h, 3) - lowest(low@1d, 2)[1]",
    "previous_value(close@4h > open@4h, close)",
    "bars_since(crosses_above(close@4h, sma(close@4h, 3)))",
    "sma(close@4h - close@1d, 3)",
    "spread_of@4h",
    "spread_of@1d[1]",
    *(f"forming({price}@{timeframe})" for timeframe in ("4h", "1d", "1w") for price in PRICES),
    "sma(forming(close@4h), 5) - forming(close@1d)[3]",
    "crosses_above(forming(close@1d), close@1d)",
    "if_else(close > sma(close, 9), high[1], low) * 2 ** 0.5",
    "not close > open or 1 < close[1] <= 1.1 and hour > 6",
    "(close > open) == (close[1] > open[1])",
    "(close >= open) != (hour < 12)",
    "-close + open * high / low - volume ** 0.5",
    "max(20 pips, 1.5 * atr(14))",
    "hour",
    "day_of_week",
    "bar_index",
    "bar_index + day_of_week * hour",
)
_BODY = """
entry:
  long:
    - {name: a, when: "is_up and above and not late", size: 1%}
    - {name: b, when: "crosses_above(close, slow_day)", order: {limit: "low - 0.2 * atr(5)"}, size: 1%}
  short:
    when: rising(close, 2) or forming(close@1d) < open@1d
    order: {stop: "lowest(low, 4)", limit: "lowest(low, 4) - 3 pips"}
    cancel_when: close > highest(high@4h, 2)[1]
    size: {risk: 1%}
exit:
  when: falling(close, 2) or position.bars_held > 5 and position.open_pnl > atr(9)
  stop_loss: 2 * atr(5)
  take_profit: {price: "if_else(is_up, highest(high, 30), lowest(low, 30))"}
  trailing_stop: {distance: "atr(7)@4h"}
indicators:
  slow_day: sma(close@1d, 3)
  above: close > slow_day
  is_up: close@4h > open@4h
  late: hour >= 15 and day_of_week == 4
session: {days: sun-fri, hours: "06:00-20:00", timezone: America/New_York}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Bars of a real set that are each taken as the present once."""

    file: str
    first: str
    n_bars: int

    def candles(self, data: Path) -> Candles:
        """Return the stretch with the bars before it that the words need."""
        whole = train_candles(data / "train" / f"{self.file}.parquet")
        begin = int(np.searchsorted(whole.time_s, np.datetime64(self.first, "s").astype(np.int64)))
        return whole.sliced(begin - _WARM_UP, begin + self.n_bars)


STRETCHES = {
    "clocks_back_and_a_new_month": Stretch(file="EURUSD_1h_mt5", first="2024-10-31T14:00", n_bars=120),
    "clocks_forward": Stretch(file="XAUUSD_1h_mt5", first="2023-03-10T12:00", n_bars=70),
    "no_weekend_and_an_outage": Stretch(file="BTCUSDT_1h_binance", first="2023-03-24T06:00", n_bars=50),
}


def _usual(row: ParameterSpec) -> float:
    return 4 if row.default is None else row.default


def _shortest(row: ParameterSpec) -> float:
    """Return a value near the lower bound: other branches, shorter windows."""
    return min(row.high, row.low + 1) if row.integer else (row.low + min(row.high, 3)) / 2


def _calls(spec: IndicatorSpec, value: Callable[[ParameterSpec], float]) -> list[str]:
    words = ["close"] if any(row.replaceable for row in spec.inputs) else []
    words += [f"{value(row):g}" for row in spec.parameters]
    call = f"{spec.name}({', '.join(words)})"
    return [f"{call}.{name}" if len(spec.outputs) > 1 else call for name in spec.output_names]


def _function_calls() -> list[str]:
    calls = []
    for name, spec in FUNCTIONS.items():
        numbers = iter(_NUMBERS)
        words = [_ARGUMENTS.get(kind) or next(numbers) for kind in spec.arguments]
        calls.append(f"{name}({', '.join(words)})")
    return calls


def _expressions() -> list[str]:
    indicators = [call for spec in REGISTRY.values() for call in _calls(spec, _usual)]
    short = [call for spec in REGISTRY.values() if spec.parameters for call in _calls(spec, _shortest)]
    return list(dict.fromkeys([*indicators, *short, *_function_calls(), *_CONSTRUCTS]))


def _series_of(expressions: list[str], candles: Candles) -> Callable[[Candles], Mapping[str, npt.NDArray]]:
    """Return what evaluates expressions on candles, each under its own text."""
    rows = "".join(f"  s{number}: {expression}\n" for number, expression in enumerate(expressions))
    text = (
        f"name: x\nindicators:\n  spread_of: ema(close, 3) - low\n{rows}"
        "entry:\n  long:\n    when: close > open\n    size: 1%\nsession: {timezone: America/New_York}\n"
    )
    plan = compile_strategy(
        text, target=StrategyTarget(timeframe=candles.timeframe, instrument=candles.instrument)
    )

    def series_of(given: Candles) -> Mapping[str, npt.NDArray]:
        values = evaluate_series(plan, given)
        return {expression: values[f"s{number}"] for number, expression in enumerate(expressions)}

    return series_of


@pytest.mark.parametrize("name", STRETCHES)
def test_every_word_when_the_future_is_cut_or_changed_at_any_real_bar_then_it_stays(
    shared_data: Path, name: str
) -> None:
    """T1, T3: every indicator, function and construct, over a change of clocks, a new month, an outage."""
    candles = STRETCHES[name].candles(shared_data)
    series_of = _series_of(_expressions(), candles)
    assert find_leaks(series_of, candles, first=_WARM_UP) == ()


def test_every_word_when_proved_then_has_values_there(shared_data: Path) -> None:
    """The proof is not of undefined values: each word has one on some bar of a stretch."""
    defined: set[str] = set()
    for stretch in STRETCHES.values():
        candles = stretch.candles(shared_data)
        series = _series_of(_expressions(), candles)(candles)
        defined |= {word for word, values in series.items() if not np.isnan(values[_WARM_UP:]).all()}
    assert set(_expressions()) - defined == set()


@pytest.mark.parametrize("profile", [STRICT, TRADINGVIEW], ids=["strict", "tradingview"])
@pytest.mark.parametrize("name", STRETCHES)
def test_signals_when_the_future_is_cut_or_changed_at_any_real_bar_then_they_stay(
    shared_data: Path, name: str, profile: Profile
) -> None:
    """T1, X18: conditions, levels, facts for position rules and the session's gate of a whole strategy."""
    candles = STRETCHES[name].candles(shared_data)
    target = StrategyTarget(timeframe=candles.timeframe, instrument=candles.instrument)
    plan = compile_strategy(f"name: x\n{_BODY}", target=target)

    def series_of(given: Candles) -> Mapping[str, npt.NDArray]:
        signals = evaluate(plan, given, profile=profile)
        gate = signals.entry_allowed.astype(np.float64)
        known = gate[: len(gate) - 1]  # the last bar of a cut does not know when the next one opens
        groups = {"condition": signals.conditions, "level": signals.levels, "input": signals.inputs}
        found = {
            f"{kind} {node}": values.astype(np.float64)
            for kind, group in groups.items()
            for node, values in group.items()
        }
        return {**found, "gate": np.append(np.nan, known)}

    assert series_of(candles)
    assert find_leaks(series_of, candles, first=_WARM_UP) == ()


def _one_bar_early(node: object, args: tuple[npt.NDArray, ...], place: object) -> npt.NDArray:
    """Return the highest of two bars of which one is the next."""
    return np.maximum(args[0], np.append(args[0][1:], np.nan))


def _of_the_whole_sample(node: object, args: tuple[npt.NDArray, ...], place: object) -> npt.NDArray:
    """Return values less the mean of all loaded bars, as a normalisation does."""
    return args[0] - 1e-9 * np.nanmean(args[0])


def _at_its_open(
    frame: Frame, values: npt.NDArray, base: Frame, undefined: float, *rest: object
) -> npt.NDArray:
    """Return values of higher bars from their first bar on, before they are finished."""
    index = np.searchsorted(frame.candles.time_s, base.candles.time_s, side="right") - 1
    return np.append(values, np.array([undefined], dtype=values.dtype))[index]


@pytest.mark.parametrize("leaking", [_one_bar_early, _of_the_whole_sample])
def test_proof_when_an_operation_reads_ahead_then_names_it(
    shared_data: Path, leaking: operations.Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operation that sees one bar more, or all of them, is found at the first bar that is tried."""
    candles = STRETCHES["clocks_forward"].candles(shared_data)
    monkeypatch.setitem(
        operations.OPS, "highest", operations.Op(compute=leaking, args=("number",), n_params=1)
    )
    series_of = _series_of(["sma(close, 5)", "highest(high, 5)", "rsi(14)"], candles)
    leaks = find_leaks(series_of, candles, first=_WARM_UP)
    assert [leak.name for leak in leaks] == ["highest(high, 5)"]
    assert leaks[0].present <= _WARM_UP + 1


def test_proof_when_a_higher_bar_is_joined_before_it_is_finished_then_finds_it(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A higher timeframe that is known from its open on is found, whatever timeframe it is."""
    candles = STRETCHES["clocks_back_and_a_new_month"].candles(shared_data)
    monkeypatch.setattr(Frame, "join", _at_its_open)
    series_of = _series_of(["close@4h", "close@1d", "open@1w", "close"], candles)
    leaks = find_leaks(series_of, candles, first=_WARM_UP)
    assert {leak.name for leak in leaks} == {"close@4h", "close@1d"}
