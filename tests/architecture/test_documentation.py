"""Documentation that cannot drift: codes, variables and links are compared with the source."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from sptraderb.settings import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "sptraderb"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
ROW = re.compile(r"^\| `([a-z0-9_.]+)` \| (\w+) \| ([^|]+) \| ([^|]+) \|$", flags=re.MULTILINE)
RAISED = {
    "SptraderbError", "InvalidInput", "StrategyInvalid", "CandlesUnusable", "MoneyOverflow", "NotFound",
    "Conflict", "PreconditionFailed", "NotAuthenticated", "NotPermitted", "RateLimited", "TooLarge",
    "Unavailable", "InvariantBroken", "Fault", "Note", "RunError",
}  # fmt: skip
HELPERS = {"fault", "_fault", "add", "note", "ExpressionFault", "Failed"}
"""Callables that make an error, fault or note of the code they are given first, or as ``code=``."""
OTHER_WORDS = {
    "backtest.commission", "costs.commission", "costs.conversion_fee", "costs.funding", "costs.slippage",
    "costs.spread", "costs.swap", "metrics.sharpe",
    "server.log",
}  # fmt: skip
"""Places in a document and names of files that begin like a code; they are none."""


@cache
def nodes() -> tuple[ast.Call | ast.Constant, ...]:
    """Return the calls and constants of the source."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py")))
    return tuple(
        node for tree in trees for node in ast.walk(tree) if isinstance(node, (ast.Call, ast.Constant))
    )


def given_codes() -> dict[str, set[str]]:
    """Return the codes that the source gives as a literal to a known callable, and the callables."""
    found: dict[str, set[str]] = {}
    for node in nodes():
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in RAISED | HELPERS:
            continue
        values = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "code")]
        texts = [value.value for value in values if isinstance(value, ast.Constant)]
        for text in texts:
            if isinstance(text, str) and CODE.fullmatch(text):
                found.setdefault(text, set()).add(name)
    return found


def literal_codes() -> set[str]:
    """Return every code in the source, however it gets to its error.

    Every word of the form ``subject.reason`` whose subject is one of `given_codes` counts: a code may go
    through a default, a choice of two, a table or another argument than the first. What only looks so is
    in `OTHER_WORDS`.
    """
    subjects = {code.partition(".")[0] for code in given_codes()}
    words = {
        node.value
        for node in nodes()
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value)
    }
    return {word for word in words if word.partition(".")[0] in subjects} - OTHER_WORDS


def documented_rows() -> list[tuple[str, str, str, str]]:
    """Return code, class, meaning and what to do of each row of docs/reference/errors.md."""
    text = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    return [(row[0], row[1], row[2], row[3]) for row in ROW.findall(text)]


def test_error_codes_when_in_the_source_then_have_a_documentation_line() -> None:
    """Every code in the source has a row in docs/reference/errors.md."""
    codes = literal_codes()
    assert len(codes) > 200
    assert sorted(codes - {code for code, *_ in documented_rows()}) == []


def test_documented_codes_when_searched_then_occur_in_the_source_once() -> None:
    """No row of docs/reference/errors.md is about a code that the program no longer has, or a second one."""
    documented = [code for code, *_ in documented_rows()]
    assert sorted(set(documented) - literal_codes()) == []
    assert len(documented) == len(set(documented))


def test_error_rows_when_read_then_are_whole_and_name_the_class_raised() -> None:
    """Every line that begins with a code is a row of four cells, with the class that the source raises."""
    text = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    rows = documented_rows()
    assert len(re.findall(r"^\| `", text, flags=re.MULTILINE)) == len(rows)
    raised = {code: names for code, names in given_codes().items() if names <= RAISED}
    wrong = {code: name for code, name, *_ in rows if raised.get(code) and name not in raised[code]}
    assert wrong == {}


def test_other_words_when_searched_then_still_occur_in_the_source() -> None:
    """The exceptions of `literal_codes` are no longer than needed."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    assert sorted(word for word in OTHER_WORDS if word not in source) == []


@pytest.mark.parametrize("document", ["README.md", "docs/reference/configuration.md"])
def test_variables_when_listed_then_match_the_settings(document: str) -> None:
    """The tables of environment variables name exactly the variables that settings reads."""
    text = (ROOT / document).read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", text, flags=re.MULTILINE)
    assert sorted(documented) == sorted(row.name for row in VARIABLES)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_when_followed_then_lead_somewhere(document: Path) -> None:
    """A relative link in a document leads to a file of the repository."""
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
