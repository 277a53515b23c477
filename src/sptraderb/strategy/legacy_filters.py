"""What `filters` and `execution` of the older dialect keep entries back for: spread, volume, slippage.

The limits go into the plan; `engine/entry_filters` applies them where the facts are known. What cannot be
known for the run's market is left out with a note that says why.
"""

from decimal import Decimal

from sptraderb.domain.fixed import INT64_MAX, RATE_ONE
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.plan import EntryFilters
from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, shortened
from sptraderb.strategy.legacy_notes import Translation, is_false

ENTRY_FILTERS = ("max_spread_bps", "min_volume_usd", "avoid_major_news")
_BPS_PPB = RATE_ONE // 10_000
_DOLLARS = ("USD", "USDT", "USDC", "BUSD", "FDUSD")
_COUNTS_TICKS = ("fx", "metal")


def translated_filters(translation: Translation) -> EntryFilters | None:
    """Return the limits that entries must keep, None if the file states none.

    Every one of them leaves a note: how it is applied, or why it is left out.
    """
    filters = translation.block(translation.root, "filters", "filters")
    execution = translation.block(translation.root, "execution", "execution")
    translation.leftovers(execution, ("slippage_tolerance",), "execution")
    news = _stated(filters, "avoid_major_news")
    if news is not None:
        text = "`filters.avoid_major_news` is left out: there is no calendar of news here"
        translation.note("legacy.filter_unused", text, news)
    found = EntryFilters(
        max_spread_ppb=_spread(translation, _stated(filters, "max_spread_bps")),
        min_volume=_volume(translation, _stated(filters, "min_volume_usd")),
        max_slippage_ppb=_slippage(translation, _stated(execution, "slippage_tolerance")),
    )
    return None if found == EntryFilters() else found


def _stated(block: MappingNode | None, key: str) -> DocumentNode | None:
    node = None if block is None else block.get(key)
    return None if is_false(node) else node


def _spread(translation: Translation, node: DocumentNode | None) -> int | None:
    path = "filters.max_spread_bps"
    found = _limit(translation, node, path, unit_ppb=_BPS_PPB)
    if found is not None:
        text = (
            f"`{path}` keeps an entry back while the spread at its decision or its fill is wider; it needs "
            "candles of both sides or a stated `costs.spread`"
        )
        translation.note("legacy.filter", text, node)
    return found


def _slippage(translation: Translation, node: DocumentNode | None) -> int | None:
    path = "execution.slippage_tolerance"
    found = _limit(translation, node, path, unit_ppb=RATE_ONE)
    if found is not None:
        text = (
            f"`{path}` is a maximum, not a cost: an entry that would slip further is rejected; state "
            "`costs.slippage` for a cost"
        )
        translation.note("legacy.slippage_tolerance", text, node)
    return found


def _volume(translation: Translation, node: DocumentNode | None) -> Decimal | None:
    path = "filters.min_volume_usd"
    number = _not_negative(translation, node, path)
    if number is None:
        return None
    why = _why_unknown(translation.instrument)
    if why:
        translation.note("legacy.filter_unused", f"`{path}` is left out: {why}", node)
        return None
    text = f"`{path}` keeps an entry back when the candle that decides it traded for less"
    translation.note("legacy.filter", text, node)
    return number


def _why_unknown(instrument: Instrument) -> str:
    """Return why a market's traded volume in dollars is not known, empty if it is."""
    if instrument.kind in _COUNTS_TICKS:
        return f"candles of {instrument.symbol} count price changes, not what was traded"
    if instrument.quote not in _DOLLARS:
        return f"{instrument.symbol} trades in {instrument.quote}, not in dollars"
    return ""


def _limit(translation: Translation, node: DocumentNode | None, path: str, *, unit_ppb: int) -> int | None:
    """Return a share as parts per 10^9, None if it is not stated or has a fault."""
    number = _not_negative(translation, node, path)
    if number is None or node is None:
        return None
    scaled = number * unit_ppb
    if scaled != scaled.to_integral_value() or scaled > INT64_MAX:
        message = f"`{path}` must be a number of at most nine decimals, was {shortened(str(number))}"
        translation.fault("strategy.too_fine", message, node, path=path)
        return None
    return int(scaled)


def _not_negative(translation: Translation, node: DocumentNode | None, path: str) -> Decimal | None:
    number = translation.number(node, path)
    if number is None or node is None or number >= 0:
        return number
    message = f"`{path}` must be at least 0, was {shortened(str(number))}"
    translation.fault("strategy.out_of_range", message, node, path=path)
    return None
