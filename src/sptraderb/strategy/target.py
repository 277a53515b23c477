"""What a strategy is compiled for: pips, ticks and higher timeframes need to know it."""

from dataclasses import dataclass

from sptraderb.domain.instrument import SEEDED_INSTRUMENTS, Instrument
from sptraderb.domain.timeframe import H1, Timeframe


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyTarget:
    """The run a strategy is compiled for.

    Parameters
    ----------
    timeframe : Timeframe
        Of the candles it runs on.
    instrument : Instrument
        What it trades; gives pips and ticks their size.
    """

    timeframe: Timeframe
    instrument: Instrument


DEFAULT_TARGET = StrategyTarget(timeframe=H1, instrument=SEEDED_INSTRUMENTS["EURUSD"])
"""What a strategy is checked for when nothing else is known."""
