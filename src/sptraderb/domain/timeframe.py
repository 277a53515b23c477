"""Timeframes: how long a candle lasts, and on what grid candles open."""

from dataclasses import dataclass

from sptraderb.errors import InvalidInput

_UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
MAX_SECONDS = 604_800
SESSION_ALIGNED_FROM_S = 86_400


@dataclass(frozen=True, slots=True, order=True)
class Timeframe:
    """A candle's length.

    Parameters
    ----------
    seconds : int
        Nominal length; days and weeks are session days and weeks (T4), not multiples of 86,400 s.
    name : str
        The word users write, such as ``15m``.
    """

    seconds: int
    name: str

    @property
    def follows_sessions(self) -> bool:
        """Whether bars are session days or weeks (T4) instead of lying on the 00:00 UTC grid."""
        return self.seconds >= SESSION_ALIGNED_FROM_S

    def is_multiple_of(self, finer: "Timeframe") -> bool:
        """Return whether bars of this length can be made of whole bars of ``finer``."""
        return self.seconds >= finer.seconds and self.seconds % finer.seconds == 0

    def __str__(self) -> str:
        return self.name


M1 = Timeframe(60, "1m")
M5 = Timeframe(300, "5m")
M15 = Timeframe(900, "15m")
H1 = Timeframe(3600, "1h")
H4 = Timeframe(14_400, "4h")
H12 = Timeframe(43_200, "12h")
D1 = Timeframe(86_400, "1d")
W1 = Timeframe(604_800, "1w")
STORED = (M1, M5, M15, H1, H4, H12)


def parse_timeframe(text: str) -> Timeframe:
    """Return the timeframe a word names: a count and one of m, h, d, w.

    Counts that divide a day are accepted below a day (``1m`` to ``12h``), else only ``1d``, ``1w``.

    Raises
    ------
    InvalidInput
        ``timeframe.unknown``, with the usual names in the hint.

    Examples
    --------
    >>> parse_timeframe("4h").seconds
    14400
    """
    word = text.strip().lower()
    count, unit = word[:-1], word[-1:]
    if unit in _UNITS_S and count.isascii() and count.isdigit() and len(count) <= 4 and int(count) > 0:
        seconds = int(count) * _UNITS_S[unit]
        for known in (*STORED, D1, W1):
            if known.seconds == seconds:
                return known
        if seconds < D1.seconds and D1.seconds % seconds == 0:
            return Timeframe(seconds, word)
    raise InvalidInput(
        "timeframe.unknown",
        f"a timeframe must be one of 1m 5m 15m 30m 1h 2h 4h 12h 1d 1w, was `{text[:20]}`",
        timeframe=text[:20],
        available=[known.name for known in (*STORED, D1, W1)],
    )
