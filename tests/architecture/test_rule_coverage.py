"""Each execution rule has a test that names it: in its docstring, or as a case with worked arithmetic."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

_TESTS = Path(__file__).parents[1]
_CASES = (_TESTS / "oracle" / "cases", _TESTS / "oracle" / "account_cases")
_LAST = {"M": 9, "T": 5, "X": 18, "C": 5, "A": 6}
RULES = [f"{letter}{number}" for letter, last in _LAST.items() for number in range(1, last + 1)]
"""Rule ids of the execution rules: numbers, time, fills, costs, account and risk."""

_WORKED = set(RULES) - {"M2", "M7", "M8", "T3", "A5", "A6"}
"""Rules that a run or an account shows: each has a case whose arithmetic is written out."""

# A docstring names rules in brackets, `(X2, M4)` or `(C2 to C5)`, or before a colon, `M7, M9: ...`.
_RULE = re.compile(r"\b([MTXCA])(\d{1,2})\b")
_RANGE = re.compile(r"\b([MTXCA])(\d{1,2}) ?(?:to|-) ?\1(\d{1,2})\b")
_NAMED = re.compile(r"\(([^()]*)\)|^((?:[MTXCA]\d{1,2}(?:, )?)+):")


def _rules_in(text: str) -> set[str]:
    found: set[str] = set()
    for bracketed, leading in _NAMED.findall(text):
        part = bracketed or leading
        found |= {f"{letter}{int(number)}" for letter, number in _RULE.findall(part)}
        for letter, first, last in _RANGE.findall(part):
            found |= {f"{letter}{number}" for number in range(int(first), int(last) + 1)}
    return found & set(RULES)


def _test_docstrings() -> Iterator[str]:
    """Yield the docstring of every test function, each with that of its file's first line left out."""
    for path in sorted(_TESTS.rglob("test_*.py")):
        if path == Path(__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield ast.get_docstring(node) or ""


def _cases() -> list[dict[str, object]]:
    return [
        case
        for folder in _CASES
        for path in sorted(folder.glob("*.yaml"))
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def test_rules_when_tests_are_read_then_each_is_named_by_one() -> None:
    """A rule that no test's docstring and no case names is a rule nobody proves."""
    named = set().union(*(_rules_in(text) for text in _test_docstrings()))
    named |= {str(rule) for case in _cases() for rule in case["rules"]}  # type: ignore[attr-defined]
    assert sorted(set(RULES) - named) == []
    assert named - set(RULES) == set(), "a case names a rule that does not exist"


def test_rules_when_cases_are_read_then_each_that_a_run_shows_is_worked_by_hand() -> None:
    """Rules about one run have a case with its arithmetic and its source written out."""
    cases = _cases()
    worked = Counter(str(rule) for case in cases for rule in case["rules"])  # type: ignore[attr-defined]
    assert sorted(_WORKED - set(worked)) == []
    assert [case["name"] for case in cases if not case.get("worked") or not case.get("source")] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A stop fills at the open (X2, M4).", {"X2", "M4"}),
        ("M7, M8: compiled and replayed.", {"M7", "M8"}),
        ("On the same fills (C2 to C4).", {"C2", "C3", "C4"}),
        ("Candles of M15 and M5 add up to H1.", set()),
        ("A rule that is none (X19).", set()),
    ],
)
def test_docstring_when_read_then_rules_are_told_from_other_words(text: str, found: set[str]) -> None:
    """Only ids in brackets, or before a colon at the start, count: `M5` may be a timeframe."""
    assert _rules_in(text) == found
