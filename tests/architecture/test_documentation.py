"""Documentation that cannot drift: codes, variables and links are compared with the source."""

import ast
import re
from pathlib import Path

import pytest

from sptraderb.settings import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "sptraderb"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
RAISED = {
    "SptraderbError", "InvalidInput", "StrategyInvalid", "CandlesUnusable", "MoneyOverflow", "NotFound",
    "Conflict", "PreconditionFailed", "NotAuthenticated", "NotPermitted", "RateLimited", "TooLarge",
    "Unavailable", "InvariantBroken", "Fault", "Note", "RunError",
}  # fmt: skip


def literal_codes() -> set[str]:
    """Return every code that the source gives to an error, a fault or a note as a literal."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name not in RAISED:
                continue
            values = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "code")]
            texts = [value.value for value in values if isinstance(value, ast.Constant)]
            found |= {text for text in texts if isinstance(text, str) and CODE.fullmatch(text)}
    return found


def test_error_codes_when_raised_then_have_a_documentation_line() -> None:
    """Every code in the source has a row in docs/reference/errors.md, and the other way round."""
    text = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", text, flags=re.MULTILINE))
    raised = literal_codes()
    assert len(raised) > 30
    assert sorted(raised - documented) == []


def test_documented_codes_when_searched_then_occur_in_the_source() -> None:
    """No row of docs/reference/errors.md is about a code that the program no longer has."""
    text = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    source = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    documented = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", text, flags=re.MULTILINE))
    assert documented
    assert sorted(code for code in documented if f'"{code}"' not in source) == []


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
