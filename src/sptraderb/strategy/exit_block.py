"""Reads `exit` and its parts: stops, targets, conditions, time; one side's keys win over both sides'."""

from dataclasses import dataclass, replace

from sptraderb.domain.plan import Distance, DistanceKind, ExitRules
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, TextNode, shortened
from sptraderb.strategy.names import did_you_mean
from sptraderb.strategy.quantities import is_constant
from sptraderb.strategy.syntax_tree import Expression
from sptraderb.strategy.values import EXACT, KIND_WORDS, Kind, Quantity, Value

_MILLIONTHS = 6
_PPB = 9
_LIVE_FROM = {"fill": False, "next_bar": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitPart:
    """What one `exit` block states; None for what it leaves open.

    Parameters
    ----------
    when : int or None
        Node of the condition.
    stop_loss, take_profit : Distance or None
        Attached exits.
    max_bars : int or None
        Bars held at most.
    live_from_next_bar : bool or None
        From when attached exits work.
    stop_is_written : bool
        Whether there is a `stop_loss` key, even a faulty one.
    target_node : DocumentNode or None
        Where the target stands.
    """

    when: int | None = None
    stop_loss: Distance | None = None
    take_profit: Distance | None = None
    max_bars: int | None = None
    live_from_next_bar: bool | None = None
    stop_is_written: bool = False
    target_node: DocumentNode | None = None

    def over(self, weaker: "ExitPart") -> "ExitPart":
        """Return this part with the gaps filled from a weaker one."""
        return ExitPart(
            when=weaker.when if self.when is None else self.when,
            stop_loss=self.stop_loss or weaker.stop_loss,
            take_profit=self.take_profit or weaker.take_profit,
            max_bars=weaker.max_bars if self.max_bars is None else self.max_bars,
            live_from_next_bar=(
                weaker.live_from_next_bar if self.live_from_next_bar is None else self.live_from_next_bar
            ),
            stop_is_written=self.stop_is_written or weaker.stop_is_written,
            target_node=self.target_node or weaker.target_node,
        )

    def rules(self) -> ExitRules:
        """Return the plan's exit rules."""
        return ExitRules(
            when=-1 if self.when is None else self.when,
            stop_loss=self.stop_loss,
            take_profit=self.take_profit,
            max_bars=self.max_bars or 0,
            live_from_next_bar=bool(self.live_from_next_bar),
        )


def read_exits(reader: BlockReader, node: DocumentNode | None) -> tuple[ExitPart, ExitPart]:
    """Return the exits of long and of short positions."""
    block = reader.block(node, "exit", block="exit")
    sides = {side: block.pop(side, None) for side in ("long", "short")}
    both = _part(reader, block, "exit")
    long = read_side_exit(reader, sides["long"], "exit.long").over(both)
    return long, read_side_exit(reader, sides["short"], "exit.short").over(both)


def read_side_exit(reader: BlockReader, node: DocumentNode | None, path: str) -> ExitPart:
    """Return what a block with the exits of one side or one entry states."""
    return _part(reader, reader.block(node, path, block="side_exit"), path)


def _part(reader: BlockReader, block: dict[str, DocumentNode], path: str) -> ExitPart:
    when = block.get("when")
    max_bars = block.get("max_bars")
    return ExitPart(
        when=None if when is None else reader.condition(when, f"{path}.when"),
        stop_loss=_distance(reader, block.get("stop_loss"), f"{path}.stop_loss", target=False),
        take_profit=_distance(reader, block.get("take_profit"), f"{path}.take_profit", target=True),
        max_bars=(
            None
            if max_bars is None
            else reader.whole(max_bars, f"{path}.max_bars", units=("", "bars"), low=1)
        ),
        live_from_next_bar=_live_from(reader, block.get("live_from"), f"{path}.live_from"),
        stop_is_written="stop_loss" in block,
        target_node=block.get("take_profit"),
    )


def check_target(reader: BlockReader, part: ExitPart, path: str) -> ExitPart:
    """Return the part unless its target counts in R without a stop to measure it (X15)."""
    target = part.take_profit
    if target is None or target.kind is not DistanceKind.R or part.stop_is_written or not part.target_node:
        return part
    message = "a target in R must have a stop_loss"
    reader.fault(
        "strategy.r_without_stop", message, part.target_node, path=path, hint="R is the stop's distance"
    )
    return replace(part, take_profit=None)


def _live_from(reader: BlockReader, node: DocumentNode | None, path: str) -> bool | None:
    source = reader.text(node, path)
    if source is None:
        return None
    if source.text not in _LIVE_FROM:
        message = f"`{path}` must be `fill` or `next_bar`, was `{shortened(source.text)}`"
        reader.fault("strategy.value", message, source, path=path, hint=did_you_mean(source.text, _LIVE_FROM))
        return None
    return _LIVE_FROM[source.text]


def _distance(reader: BlockReader, node: DocumentNode | None, path: str, *, target: bool) -> Distance | None:
    """Return where a stop or target lies (X15)."""
    if isinstance(node, MappingNode):
        return _absolute(reader, node, path)
    parsed = reader.tree(node, path)
    if parsed is None:
        return None
    source, tree = parsed
    if is_constant(tree, reader.scope):
        quantity = reader.constant(source, tree, path)
        return None if quantity is None else _constant_distance(reader, quantity, source, path, target=target)
    return _series_distance(reader, tree, source, path)


def _absolute(reader: BlockReader, node: MappingNode, path: str) -> Distance | None:
    level = reader.block(node, path, block="level").get("price")
    value = reader.value(level, f"{path}.price")
    if value is None or not isinstance(level, TextNode):
        return None
    if value.kind not in (Kind.PRICE, Kind.SCALED) and (
        value.constant is None or value.kind is not Kind.NUMBER
    ):
        message = f"`{path}.price` must be a price, `{shortened(level.text)}` is {KIND_WORDS[value.kind]}"
        hint = f"write `{path.rsplit('.', 1)[-1]}: {shortened(level.text)}` for a distance"
        hint = hint if value.kind is Kind.DISTANCE else 'such as `{price: "lowest(low, 10)"}`'
        reader.fault("strategy.price_needed", message, level, path=path, hint=hint)
        return None
    return Distance(kind=DistanceKind.PRICE, node=reader.lowering.node(value), text=shortened(level.text))


def _constant_distance(
    reader: BlockReader, quantity: Quantity, source: TextNode, path: str, *, target: bool
) -> Distance | None:
    text = shortened(source.text)
    units = ("%", "pips", "ticks", "R") if target else ("%", "pips", "ticks")
    if quantity.unit not in units:
        _wrong_distance_unit(reader, quantity, source, path, units=units)
        return None
    if quantity.value <= 0:
        message = f"`{path}` must be above 0, was {quantity.text}"
        reader.fault("strategy.out_of_range", message, source, path=path)
        return None
    if quantity.unit == "%":
        amount = reader.scaled(EXACT.scaleb(quantity.value, -2), _PPB, source, path=path)
        return Distance(kind=DistanceKind.RATE, amount=amount, text=text)
    if quantity.unit == "R":
        amount = reader.scaled(quantity.value, _MILLIONTHS, source, path=path)
        return Distance(kind=DistanceKind.R, amount=amount, text=text)
    amount = reader.scaled(reader.scope.ticks(quantity), _MILLIONTHS, source, path=path)
    return Distance(kind=DistanceKind.TICKS, amount=amount, text=text)


def _wrong_distance_unit(
    reader: BlockReader, quantity: Quantity, source: TextNode, path: str, *, units: tuple[str, ...]
) -> None:
    if quantity.unit == "R":
        message = f"`{path}` must not be in R, which is its own distance"
        reader.fault("strategy.wrong_unit", message, source, path=path, hint="such as `20 pips` or `2%`")
        return
    code = "strategy.wrong_unit" if quantity.unit else "strategy.unit_needed"
    message = f"`{path}` must be in {' or '.join(units)}, was {quantity.text}"
    percent = EXACT.scaleb(quantity.value, 2) if quantity.value < 1 else quantity.value
    hint = f"such as `{Quantity(percent, '%').text}` or `20 pips`"
    reader.fault(code, message, source, path=path, hint=hint)


def _series_distance(reader: BlockReader, tree: Expression, source: TextNode, path: str) -> Distance | None:
    value = reader.lowering.value(tree, source, path)
    if value is None or not _is_distance(reader, value, source, path):
        return None
    return Distance(kind=DistanceKind.SERIES, node=reader.lowering.node(value), text=shortened(source.text))


def _is_distance(reader: BlockReader, value: Value, source: TextNode, path: str) -> bool:
    if value.kind in (Kind.DISTANCE, Kind.SCALED):
        return True
    text = shortened(source.text)
    message = f"`{path}` must be a price distance, `{text}` is {KIND_WORDS[value.kind]}"
    hint = "such as `1.5 * atr(14)` or `20 pips`"
    if value.kind is Kind.PRICE:
        quoted = f'"{text}"' if any(letter in text for letter in ",[]") else text
        hint = f"write `{{price: {quoted}}}` for a price"
    reader.fault("strategy.distance_needed", message, source, path=path, hint=hint)
    return False
