"""Whole strategies drawn at random: each compiles, runs, and both engines give the same outcome (M7)."""

import random
from dataclasses import replace

import numpy as np
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.outcome_differences import outcome_differences
from sptraderb.domain.profile import PROFILES
from sptraderb.domain.terms import Terms, money_decimals
from sptraderb.domain.timeframe import H1
from sptraderb.engine.evaluate import evaluate
from sptraderb.engine.simulate import simulate
from sptraderb.oracle.replay import replay
from sptraderb.strategy.compiler import compile_strategy
from sptraderb.strategy.target import DEFAULT_TARGET

_N_STRATEGIES = 40
_N_BARS = 700
_RUNS = [("strict", seed) for seed in range(_N_STRATEGIES)]
_RUNS += [(name, seed) for name in PROFILES if name != "strict" for seed in range(100, 115)]
_SUNDAY_S = 1_704_060_000 + 6 * 86_400  # 2024-01-07 22:00 UTC
_NUMBERS = ("close", "open[1]", "sma(close, 5)", "ema(close, n)", "close@4h", "forming(low@4h)", "base@4h")
_FACTS = ("position.entry_price", "if_else(position.side == 0, close, position.entry_price)")
_TRUTHS = ("close > open", "hour < 12", "rsi(5) > 50", "flag", "mode == fast", "falling(close, 2)")
_HELD = (
    "position.side {sign} 0",
    "position.bars_held > {count}",
    "position.open_pnl {sign} {money}",
    "position.size >= 1000 * {count}",
    "abs(position.open_pnl) / (position.bars_held + 1) {sign} {count}",
)


class _Writer:
    """Writes strategies; the same seed gives the same text."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # a test's own dice

    def _one_of(self, words: tuple[str, ...]) -> str:
        return self._random.choice(words)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def condition(self, depth: int, *, facts: bool) -> str:
        """Return a condition, with facts about the position if they may stand there."""
        if depth == 0:
            return self._leaf(facts=facts)
        left, right = (self.condition(depth - 1, facts=facts) for _ in range(2))
        shape = self._one_of(("({} and {})", "({} or {})", "(not {} or {})", "(({}) == ({}))"))
        return shape.format(left, right)

    def _leaf(self, *, facts: bool) -> str:
        sign = self._one_of(("<", "<=", ">", ">=", "==", "!="))
        if facts and self._chance(0.4):
            count, money = self._random.randint(0, 6), self._random.randint(-30, 30)
            return self._one_of(_HELD).format(sign=sign, count=count, money=money)
        if self._chance(0.4):
            return self._one_of(_TRUTHS)
        words = _NUMBERS + (_FACTS if facts else ())
        return f"{self._one_of(words)} {sign} {self._one_of(words)}"

    def _order(self, side: int) -> str:
        away = f"{self._random.randint(0, 25)} ticks"
        better, beyond = ("-", "+") if side > 0 else ("+", "-")
        shape = self._random.randint(0, 3)
        if shape == 0:
            return ""
        forms = (
            f"limit: close {better} {away}",
            f"stop: close {beyond} {away}",
            f"stop: close {beyond} {away}, limit: close {beyond} {self._random.randint(-9, 40)} ticks",
        )
        expires = f", expires: {self._random.randint(1, 6)} bars" if self._chance(0.6) else ""
        lines = f"    order: {{{forms[shape - 1]}{expires}}}\n"
        if self._chance(0.4):
            lines += f"    cancel_when: '{self.condition(1, facts=True)}'\n"
        return lines + ("    oco: false\n" if self._chance(0.3) else "")

    def _exits(self) -> str:
        lines = f"  stop_loss: {self._one_of(('25 ticks', '0.05%', '1.5 * atr(4)'))}\n"
        if self._chance(0.5):
            lines += f"  when: '{self.condition(2, facts=True)}'\n"
        if self._chance(0.5):
            lines += f"  take_profit: {self._one_of(('2 R', '40 ticks', '0.08%'))}\n"
        if self._chance(0.5):
            lines += "  partial:\n    - {at: 1 R, close: 50%, then: break_even}\n"
            lines += "    - {at: 1.5 R, close: 25%}\n" if self._chance(0.5) else ""
        if self._chance(0.3):
            lines += "  trailing_stop: {distance: 20 ticks, activate: 0.5 R}\n"
        return lines + (f"  max_bars: {self._random.randint(1, 20)}\n" if self._chance(0.4) else "")

    def strategy(self) -> str:
        """Return a whole strategy."""
        size = self._one_of(("{risk: 1%}", "50%", "0.05 lots", "2500 units"))
        text = "name: x\nparameters: {n: 4, flag: true, mode: {default: fast, choices: [fast, slow]}}\n"
        text += "indicators:\n  base: (high + low) / 2\nentry:\n"
        for side, word in ((1, "long"), (-1, "short")):
            when = self.condition(2, facts=self._chance(0.6))
            text += f"  {word}:\n    when: '{when}'\n    size: {size}\n{self._order(side)}"
        text += f"exit:\n{self._exits()}"
        if self._chance(0.5):
            text += f"scale_in: {{max_entries: 3, min_distance: {self._random.randint(1, 20)} ticks}}\n"
        if self._chance(0.4):
            text += "session: {days: mon-fri, hours: '06:00-18:00', timezone: Europe/London}\n"
        limit = self._one_of(("500%", "0.1 lots", "7000 units"))
        return text + f"risk: {{daily_loss_limit: 2%, max_position_size: {limit}}}\n"


def _candles(seed: int) -> Candles:
    dice = np.random.default_rng(seed)
    close = 110_000 + np.cumsum(dice.integers(-30, 31, _N_BARS))
    opens = close + dice.integers(-12, 13, _N_BARS)
    columns = {
        "time_s": _SUNDAY_S + 3_600 * np.arange(_N_BARS),
        "open_ticks": opens,
        "high_ticks": np.maximum(opens, close) + dice.integers(0, 25, _N_BARS),
        "low_ticks": np.minimum(opens, close) - dice.integers(0, 25, _N_BARS),
        "close_ticks": close,
        "volume": np.ones(_N_BARS),
    }
    return Candles.from_columns(columns, instrument=DEFAULT_TARGET.instrument, timeframe=H1)


def _terms(start_bar: int) -> Terms:
    instrument = DEFAULT_TARGET.instrument
    decimals = money_decimals(instrument, capital_text="10000", leverage=30)
    return Terms(
        money_decimals=decimals,
        capital_minor=10_000 * 10**decimals,
        commission_ppb=20_000,
        spread_ticks=3,
        slippage_ticks=1,
        margin_rate_ppb=instrument.margin_rate_ppb,
        start_bar=start_bar,
    )


@pytest.mark.parametrize(("profile", "seed"), _RUNS)
def test_random_strategy_when_run_then_both_engines_agree(profile: str, seed: int) -> None:
    """Any mix of order forms, exits, additions and rules about the position: the same integers (M7)."""
    text = _Writer(seed).strategy()
    plan = compile_strategy(text, target=DEFAULT_TARGET)
    candles = _candles(seed)
    signals = evaluate(plan, candles, profile=PROFILES[profile])
    terms = replace(_terms(signals.ready_bar), profile=PROFILES[profile])
    simulated, replayed = (engine(plan, candles, signals, terms) for engine in (simulate, replay))
    assert outcome_differences(simulated, replayed) == (), text


def test_random_strategies_when_counted_then_most_of_them_trade() -> None:
    """The draw is worth its time: most trade, most ask about the position, every order form occurs."""
    plans = [
        compile_strategy(_Writer(seed).strategy(), target=DEFAULT_TARGET) for seed in range(_N_STRATEGIES)
    ]
    kinds = {rule.order.kind for plan in plans for rule in plan.entries}
    assert len(kinds) == 4
    assert sum(bool(plan.programs) for plan in plans) > _N_STRATEGIES // 2
    traded = 0
    for seed, plan in enumerate(plans[:12]):
        candles = _candles(seed)
        signals = evaluate(plan, candles)
        traded += len(replay(plan, candles, signals, _terms(signals.ready_bar)).trades) > 3
    assert traded >= 6
