"""Reads what holding a position costs: `costs.swap` and `costs.funding` (C4)."""

from dataclasses import replace

from sptraderb.domain.calendar import DAY_S
from sptraderb.domain.costs import FundingRates, SwapKind, SwapRates
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.errors import InvalidInput
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode, TextNode, shortened
from sptraderb.strategy.names import did_you_mean
from sptraderb.strategy.session_block import DAYS, day_number
from sptraderb.strategy.values import EXACT

_DECIMALS = {SwapKind.POINTS: 6, SwapKind.PIPS: 6, SwapKind.MONEY: 9, SwapKind.PERCENT: 9}
_SUFFIXES = {" per lot": "", " a year": "", " points": " ticks", " point": " ticks"}
_KINDS = {
    "ticks": SwapKind.POINTS,
    "pips": SwapKind.PIPS,
    "%": SwapKind.PERCENT,
    "": SwapKind.MONEY,
}
_SWAP_HINT = "such as `-0.6 points`, `-0.1 pips`, `-5 per lot` or `-2.5%` a year"
_FUNDING_HINT = "such as `0.01% every 8h`"


def read_swap(reader: BlockReader, node: DocumentNode | None) -> SwapRates | None:
    """Return the swap of a day for longs and shorts; one left out is 0."""
    if node is None:
        return None
    block = reader.block(node, "costs.swap", block="swap")
    sides = {side: _swap_rate(reader, block.get(side), f"costs.swap.{side}") for side in ("long", "short")}
    stated = [rate for rate in sides.values() if rate is not None]
    kinds = {kind for kind, _ in stated}
    if len(kinds) > 1:
        message = "`costs.swap.long` and `costs.swap.short` must have one unit"
        reader.fault("strategy.wrong_unit", message, node, path="costs.swap", hint=_SWAP_HINT)
    triple = _weekday(reader, block.get("triple"))
    if not stated:
        return None
    long, short = (0 if rate is None else rate[1] for rate in sides.values())
    return SwapRates(kind=stated[0][0], long=long, short=short, triple_weekday=triple)


def _swap_rate(reader: BlockReader, node: DocumentNode | None, path: str) -> tuple[SwapKind, int] | None:
    """Return what a rate counts, and how much."""
    source = reader.text(node, path)
    if source is None:
        return None
    text, per_lot = source.text.rstrip(), source.text.rstrip().endswith(" per lot")
    for suffix, word in _SUFFIXES.items():
        if text.endswith(suffix):
            text = text.removesuffix(suffix) + word
    units = ("",) if per_lot else ("ticks", "pips", "%")
    quantity = reader.quantity(replace(source, text=text), path, units=units)
    if quantity is None:
        return None
    kind = _KINDS[quantity.unit]
    value = EXACT.scaleb(quantity.value, -2) if kind is SwapKind.PERCENT else quantity.value
    return kind, reader.scaled(value, _DECIMALS[kind], source, path=path)


def _weekday(reader: BlockReader, node: DocumentNode | None) -> int | None:
    source = reader.text(node, "costs.swap.triple")
    if source is None:
        return None
    day = day_number(source.text)
    if day is None or day >= DAYS.index("sat"):
        message = f"`costs.swap.triple` must be a day from mon to fri, was `{shortened(source.text)}`"
        hint = did_you_mean(source.text.strip(), list(DAYS))
        reader.fault("strategy.value", message, source, path="costs.swap.triple", hint=hint)
        return None
    return day


def read_funding(reader: BlockReader, node: DocumentNode | None) -> FundingRates | None:
    """Return the funding of ``0.01% every 8h``: at multiples of that time from 00:00 UTC."""
    path = "costs.funding"
    source = reader.text(node, path)
    if source is None:
        return None
    amount, found, every = source.text.partition(" every ")
    seconds = seconds_of(every) if found else None
    if seconds is None:
        message = f"`{path}` must be a rate and how often, was `{shortened(source.text)}`"
        reader.fault("strategy.value", message, source, path=path, hint=_FUNDING_HINT)
        return None
    rate = reader.rate(TextNode(amount, source.place), path, lowest="")
    return None if rate is None else FundingRates(every_s=seconds, rate_ppb=rate)


def seconds_of(text: str) -> int | None:
    """Return the seconds of ``8h`` or ``30m`` that divide a day, or None."""
    try:
        seconds = parse_timeframe(text.strip()).seconds
    except InvalidInput:
        return None
    return seconds if seconds <= DAY_S else None
