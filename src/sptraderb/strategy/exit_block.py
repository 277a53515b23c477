"""Reads `exit` and its parts: stops, targets, conditions, time; one side's keys win over both sides'."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sptraderb.domain.order import Distance, DistanceKind, ExitRules, PartialExit
from sptraderb.strategy.block_reader import BlockReader
from sptraderb.strategy.distance_reader import STOP_UNITS, TARGET_UNITS, read_distance, read_move
from sptraderb.strategy.document_nodes import DocumentNode, MappingNode, shortened
from sptraderb.strategy.names import did_you_mean
from sptraderb.strategy.partial_block import read_partial

_LIVE_FROM = {"fill": False, "next_bar": True}
_MAY_BE_R = {
    "take_profit": "a target",
    "trailing_stop": "a trailing stop",
    "break_even": "a break-even",
    "partial": "a partial exit",
}
_DURATION = re.compile(r"([0-9]{1,6}) *(minute|hour|day|week)s?")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailing:
    """What `trailing_stop` states."""

    distance: Distance | None
    activate: Distance | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitPart:
    """What one `exit` block states; None for what it leaves open.

    Parameters
    ----------
    when : int or None
        Node of the condition.
    stop_loss, take_profit : Distance or None
        Attached exits.
    max_bars, max_duration_s : int or None
        Bars and seconds held at most.
    trailing : Trailing or None
        A stop that follows.
    break_even : Distance or None
        Profit at which the stop moves to the entry price.
    partial : tuple of PartialExit or None
        Parts closed on the way.
    live_from_next_bar : bool or None
        From when attached exits work.
    stop_is_written : bool
        Whether there is a `stop_loss` key, even a faulty one.
    nodes : mapping of str to DocumentNode
        Where the distances stand that may count in R, by key.
    """

    when: int | None = None
    stop_loss: Distance | None = None
    take_profit: Distance | None = None
    max_bars: int | None = None
    live_from_next_bar: bool | None = None
    stop_is_written: bool = False
    trailing: Trailing | None = None
    break_even: Distance | None = None
    max_duration_s: int | None = None
    partial: tuple[PartialExit, ...] | None = None
    nodes: Mapping[str, DocumentNode] = field(default_factory=dict)

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
            trailing=self.trailing or weaker.trailing,
            break_even=self.break_even or weaker.break_even,
            max_duration_s=weaker.max_duration_s if self.max_duration_s is None else self.max_duration_s,
            partial=weaker.partial if self.partial is None else self.partial,
            nodes={**weaker.nodes, **self.nodes},
        )

    def rules(self) -> ExitRules:
        """Return the plan's exit rules."""
        trailing = self.trailing or Trailing(distance=None)
        return ExitRules(
            when=-1 if self.when is None else self.when,
            stop_loss=self.stop_loss,
            take_profit=self.take_profit,
            max_bars=self.max_bars or 0,
            live_from_next_bar=bool(self.live_from_next_bar),
            trailing_stop=trailing.distance,
            trailing_activate=trailing.activate,
            break_even_at=self.break_even,
            max_duration_s=self.max_duration_s or 0,
            partial=self.partial or (),
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
        stop_loss=read_distance(reader, block.get("stop_loss"), f"{path}.stop_loss", units=STOP_UNITS),
        take_profit=read_distance(
            reader, block.get("take_profit"), f"{path}.take_profit", units=TARGET_UNITS
        ),
        max_bars=(
            None
            if max_bars is None
            else reader.whole(max_bars, f"{path}.max_bars", units=("", "bars"), low=1)
        ),
        live_from_next_bar=_live_from(reader, block.get("live_from"), f"{path}.live_from"),
        stop_is_written="stop_loss" in block,
        trailing=_trailing(reader, block.get("trailing_stop"), f"{path}.trailing_stop"),
        break_even=read_move(reader, block.get("break_even"), f"{path}.break_even"),
        max_duration_s=_duration(reader, block.get("max_duration"), f"{path}.max_duration"),
        partial=read_partial(reader, block.get("partial"), f"{path}.partial"),
        nodes={key: block[key] for key in _MAY_BE_R if key in block},
    )


def check_r(reader: BlockReader, part: ExitPart, path: str) -> ExitPart:
    """Return the part without what counts in R where there is no stop to measure it (X15)."""
    trailing = part.trailing or Trailing(distance=None)
    stated = {
        "take_profit": (part.take_profit,),
        "trailing_stop": (trailing.distance, trailing.activate),
        "break_even": (part.break_even,),
        "partial": tuple(row.at for row in part.partial or ()),
    }
    if part.stop_is_written:
        return part
    is_faulty = False
    for key, distances in stated.items():
        if any(distance is not None and distance.kind is DistanceKind.R for distance in distances):
            message = f"{_MAY_BE_R[key]} in R must have a stop_loss"
            hint = "R is the stop's distance"
            reader.fault("strategy.r_without_stop", message, part.nodes[key], path=path, hint=hint)
            is_faulty = True
    if not is_faulty:
        return part
    return replace(part, take_profit=None, trailing=None, break_even=None, partial=None)


def _trailing(reader: BlockReader, node: DocumentNode | None, path: str) -> Trailing | None:
    """Return a trailing stop: a distance, or a mapping with a distance and an activation (X8)."""
    if not isinstance(node, MappingNode):
        distance = read_move(reader, node, path)
        return None if distance is None else Trailing(distance=distance)
    block = reader.block(node, path, block="trailing")
    distance = read_move(reader, block.get("distance"), f"{path}.distance")
    activate = read_move(reader, block.get("activate"), f"{path}.activate")
    return None if distance is None else Trailing(distance=distance, activate=activate)


def _duration(reader: BlockReader, node: DocumentNode | None, path: str) -> int | None:
    """Return a time in seconds (X10)."""
    source = reader.text(node, path)
    if source is None:
        return None
    match = _DURATION.fullmatch(source.text.strip())
    if match is None or int(match[1]) == 0:
        message = f"`{path}` must be a time above 0, was `{shortened(source.text)}`"
        reader.fault("strategy.value", message, source, path=path, hint="such as `36 hours` or `2 days`")
        return None
    return int(match[1]) * _SECONDS[match[2]]


def _live_from(reader: BlockReader, node: DocumentNode | None, path: str) -> bool | None:
    source = reader.text(node, path)
    if source is None:
        return None
    if source.text not in _LIVE_FROM:
        message = f"`{path}` must be `fill` or `next_bar`, was `{shortened(source.text)}`"
        reader.fault("strategy.value", message, source, path=path, hint=did_you_mean(source.text, _LIVE_FROM))
        return None
    return _LIVE_FROM[source.text]
