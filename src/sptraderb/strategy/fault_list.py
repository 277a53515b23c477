"""Collects the faults of one strategy text, each with its place, so that all come back together."""

import re
from bisect import bisect_right

from sptraderb.errors import Fault, StrategyInvalid
from sptraderb.strategy.document_nodes import Place, TextNode

MAX_FAULTS = 50
_MAX_SHOWN_LINE = 400
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


class FaultList:
    """The faults of one text, at most `MAX_FAULTS` of them.

    Parameters
    ----------
    text : str
        The strategy's text; faults show lines of it.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(match.end() for match in _BREAK.finditer(text))]
        self._faults: dict[tuple[object, ...], Fault] = {}

    def __bool__(self) -> bool:
        return bool(self._faults)

    def __len__(self) -> int:
        return len(self._faults)

    @property
    def full(self) -> bool:
        """Whether no further fault is kept."""
        return len(self._faults) >= MAX_FAULTS

    def add(self, code: str, message: str, *, at: Place | None, path: str = "", hint: str = "") -> None:
        """Keep a fault; the same fault at the same place is kept once."""
        if self.full:
            return
        line, column = (at.line, at.column) if at else (None, None)
        source = self._line(at.line) if at else ""
        width = max(1, min(at.width, len(source) - at.column + 1)) if at else 1
        fault = Fault(
            code=code,
            message=message,
            path=path,
            line=line,
            column=column,
            source=source,
            width=width,
            hint=hint,
        )
        self._faults.setdefault((code, line, column, message), fault)

    def sorted(self) -> tuple[Fault, ...]:
        """Return the faults in the order of the text; those without a place come last."""
        far = len(self._starts) + 1
        return tuple(sorted(self._faults.values(), key=lambda fault: (fault.line or far, fault.column or 0)))

    def require_none(self) -> None:
        """Raise if there is a fault.

        Raises
        ------
        StrategyInvalid
            ``strategy.invalid`` with all faults.
        """
        faults = self.sorted()
        if faults:
            count = "1 fault was" if len(faults) == 1 else f"{len(faults)} faults were"
            if self.full:
                count = f"the first {len(faults)} faults were"
            message = f"a strategy must be valid, {count} found"
            raise StrategyInvalid("strategy.invalid", message, faults=faults)

    def place_in(self, node: TextNode, start: int, end: int) -> Place:
        """Return where characters ``start`` to ``end`` of a scalar's value stand in the document.

        Notes
        -----
        The value's characters are matched one after the other with its spelling, so that folded,
        quoted and block scalars point at the right line; an escape sequence shifts the caret a little.
        A node without a spelling (a translated one) points at its own place.
        """
        if node.raw_start == node.raw_end:
            return node.place
        raw = self._text[node.raw_start : node.raw_end]
        position = node.raw_start + _raw_offset(raw, node.text, start)
        line = bisect_right(self._starts, position)
        return Place(line, position - self._starts[line - 1] + 1, max(1, end - start))

    def _line(self, line: int) -> str:
        if line > len(self._starts):
            return ""
        start = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self._text)
        shown = _UNPRINTABLE.sub(" ", self._text[start:end]).rstrip()
        return shown if len(shown) <= _MAX_SHOWN_LINE else ""


def _raw_offset(raw: str, value: str, offset: int) -> int:
    """Return where character ``offset`` of ``value`` stands in its spelling ``raw``."""
    position = _after_properties(raw)
    if raw[position : position + 1] in ("'", '"') or raw[position : position + 1] in ("|", ">"):
        position = position + 1 if raw[position] in "'\"" else raw.find("\n", position) + 1
    for character in value[:offset]:
        position = _next_match(raw, position, character)
    wanted = value[offset] if offset < len(value) else ""
    while position < len(raw) and raw[position] != wanted and raw[position].isspace():
        position += 1
    return min(position, max(0, len(raw) - 1))


def _next_match(raw: str, position: int, character: str) -> int:
    """Return the position after the spelling of ``character``; folding makes line breaks spaces."""
    if character.isspace():
        while position < len(raw) and raw[position].isspace():
            position += 1
        return position
    found = raw.find(character, position, position + 64)
    return position + 1 if found < 0 else found + 1


def _after_properties(raw: str) -> int:
    match = re.match(r"(?:[&!]\S*\s+)*", raw)
    return match.end() if match else 0
