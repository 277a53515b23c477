"""Fill profiles: how orders fill, as data; one loop reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A fill profile: a frozen record of choices, not a second loop.

    Parameters
    ----------
    name : str
        What a request calls it.
    fills_at_close : bool
        Market orders fill at the close that decides them instead of the next open; with `walks_ohlc` also
        resting orders placed there, and exits of what was held, that the close has passed.
    walks_ohlc : bool
        A bar's path is open, high, low, close when the high is nearer to its open than the low, else
        open, low, high, close; trailing stops ride it, market orders come first at an open.
    walks_finer : bool
        With `walks_ohlc`: a bar that finer candles add up to is walked finer bar by finer bar.
    sizes_when_placed : bool
        Quantity and closing part of an entry are fixed at the close that decides it.
    skips_undefined : bool
        An undefined order price is absent (without any it is a market order), and so is an undefined exit.
    keeps_other_side : bool
        The fill of an entry leaves the resting order of the other side.
    calls_margin : bool
        A margin call closes four times what is missing, at the bar's open, extremes and close, in place
        of the stop-out; orders the account cannot carry are refused when placed, cancelled at closes
        and refused whole at an open.
    lists_fills : bool
        Every fill of a position is a trade of its own, closed first in first out.
    converts_day_before : bool
        Money converts at the last close known when the bar's UTC day began.
    decides_at_once : bool
        Rules are looked at from the first bar on; an undefined series makes a condition false.
    exact_comparisons : bool
        Series compare as the doubles they are, without the tolerance for ties.
    is_optimistic : bool
        Whether fills use prices nobody could have had: said in the result.
    """

    name: str = "strict"
    fills_at_close: bool = False
    walks_ohlc: bool = False
    walks_finer: bool = False
    sizes_when_placed: bool = False
    skips_undefined: bool = False
    keeps_other_side: bool = False
    calls_margin: bool = False
    lists_fills: bool = False
    converts_day_before: bool = False
    decides_at_once: bool = False
    exact_comparisons: bool = False
    is_optimistic: bool = False


STRICT = Profile()
CLOSE = Profile(name="close", fills_at_close=True, is_optimistic=True)
TRADINGVIEW = Profile(
    name="tradingview",
    walks_ohlc=True,
    sizes_when_placed=True,
    skips_undefined=True,
    keeps_other_side=True,
    calls_margin=True,
    lists_fills=True,
    converts_day_before=True,
    decides_at_once=True,
    exact_comparisons=True,
)
TRADINGVIEW_MAGNIFIER = replace(TRADINGVIEW, name="tradingview_magnifier", walks_finer=True)
TRADINGVIEW_ON_CLOSE = replace(
    TRADINGVIEW, name="tradingview_on_close", fills_at_close=True, is_optimistic=True
)
TRADINGVIEW_MAGNIFIER_ON_CLOSE = replace(
    TRADINGVIEW_ON_CLOSE, name="tradingview_magnifier_on_close", walks_finer=True
)
_ALL = (
    STRICT,
    TRADINGVIEW,
    TRADINGVIEW_MAGNIFIER,
    TRADINGVIEW_ON_CLOSE,
    TRADINGVIEW_MAGNIFIER_ON_CLOSE,
    CLOSE,
)
PROFILES: Mapping[str, Profile] = MappingProxyType({profile.name: profile for profile in _ALL})
"""Every profile by name, the default first."""
