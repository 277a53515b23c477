"""`sptraderb check STRATEGY.yaml`: what is wrong with a strategy, or what to know of it before it runs."""

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from sptraderb.cli.console import ERR, OUT, say_done
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS, infer_instrument
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.errors import InvalidInput
from sptraderb.strategy.assessment import Assessment, assess_strategy
from sptraderb.strategy.compiler import stated_target
from sptraderb.strategy.target import StrategyTarget

_LOOK_AHEAD = {
    "none": "none: every word of the language looks back only",
    "replayed": "Python of your own is replayed on cut data at each run; the result says if it leaks",
}


def check(strategy: Path, /, *, symbol: str | None = None, timeframe: str | None = None) -> int:
    """Check a strategy file without running it: faults, warm-up, cost, look-ahead, the first bars.

    Parameters
    ----------
    strategy
        A YAML file, native or of the older dialect.
    symbol
        What it is to trade; what the file's `backtest` block says where it is not given, else EURUSD.
    timeframe
        Of the candles; likewise, else 1h.
    """
    if not strategy.is_file():
        raise InvalidInput("strategy.no_file", f"STRATEGY must be a file, {strategy} is not")
    try:
        text = strategy.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            "strategy.not_utf8", f"a strategy must be UTF-8 text, {strategy} is not"
        ) from error
    found = assess_strategy(text, target=_target(text, symbol, timeframe))
    if found.faults:
        for fault in found.faults:
            ERR.print(escape(fault.rendered()))
        return 2
    _show(found)
    return 0


def _target(text: str, symbol: str | None, timeframe: str | None) -> StrategyTarget:
    stated = stated_target(text)
    word = symbol.upper() if symbol else ""
    return StrategyTarget(
        timeframe=parse_timeframe(timeframe) if timeframe else stated.timeframe,
        instrument=(SEEDED_INSTRUMENTS.get(word) or infer_instrument(word)) if word else stated.instrument,
    )


def _show(found: Assessment) -> None:
    plan = found.plan
    if plan is None:
        return
    say_done(f"{plan.name} is valid for {found.target.instrument.symbol} on {found.target.timeframe.name}")
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("entries", escape(", ".join(entry.name for entry in plan.entries)))
    table.add_row("warm-up", f"{found.first_value} bars, {found.settle} more to settle")
    for wait in found.waits:
        table.add_row("", escape(f"{wait.text}: {wait.first_value} + {wait.settle}"))
    cost = f"{found.n_nodes} expressions, about {found.ms_per_100k_bars:.0f} ms for 100,000 bars"
    table.add_row("evaluation", cost)
    table.add_row("look-ahead", _LOOK_AHEAD[found.look_ahead])
    for text in found.open_bars:
        table.add_row("", escape(f"{text} sees a bar that is still open, as it is at each close"))
    depends = "; ".join(found.path_dependent)
    table.add_row("path-dependent", escape(f"yes: {depends}" if depends else "no"))
    table.add_row("first bars", escape(found.first_bars))
    for note in found.notes:
        table.add_row("note", escape(note.text))
    OUT.print(table)
