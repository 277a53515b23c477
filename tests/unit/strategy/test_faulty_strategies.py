"""Files as traders mistype them: every message with its place, what is wrong and what to write instead.

``faulty_strategies.txt`` holds each file and the text that comes back. A message that changes shows up here;
judge it as a reader who does not know the language, then pin it.
"""

from pathlib import Path

import pytest

from sptraderb.strategy.compiler import check_strategy

_BOOK = Path(__file__).parent / "faulty_strategies.txt"
_FILES = dict(part.split("\n", 1) for part in _BOOK.read_text(encoding="utf-8").split("=== ")[1:])


@pytest.mark.parametrize("title", sorted(_FILES))
def test_file_when_it_is_faulty_then_is_told_what_and_where_and_what_to_write(title: str) -> None:
    """All faults of a file at once, each with code, line, column, the source line and a caret."""
    text, told = _FILES[title].split("--- told\n")
    faults = check_strategy(text)
    assert "\n".join(fault.rendered() for fault in faults) + "\n" == told
    assert all(fault.line is not None and fault.column is not None for fault in faults)


def test_book_when_counted_then_holds_as_many_mistakes_as_it_began_with() -> None:
    """Cases are added, never dropped; none of them is valid."""
    assert len(_FILES) >= 72
    assert all(check_strategy(part.split("--- told\n")[0]) for part in _FILES.values())
