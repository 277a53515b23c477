"""The JSON Schema takes what the compiler takes, of both dialects, and refuses what is plainly wrong."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sptraderb.strategy.compiler import check_strategy
from sptraderb.strategy.json_schema import json_schema
from sptraderb.testing.worked_strategies import strategy_files

jsonschema_rs = pytest.importorskip("jsonschema_rs")
_HERE = Path(__file__).parent
_OLDER = dict(
    re.findall(r'^([A-Z_]+) = """\n(.*?)^"""', (_HERE / "test_legacy_five.py").read_text(), re.M | re.S)
)
_SEEN = (
    "no entry",
    "entries plural",
    "exit in entry wrong",
    "size missing",
    "when missing",
    "long as text",
    "upper name",
    "list root",
    "only text",
    "assign param",
)


def _is_valid(text: str) -> bool:
    data = json.loads(json.dumps(yaml.safe_load(text), default=str))
    return bool(jsonschema_rs.Draft202012Validator(json_schema()).is_valid(data))


@pytest.mark.parametrize("strategy", strategy_files(), ids=lambda path: path.stem)
def test_worked_strategy_when_checked_by_an_editor_then_it_passes(strategy: Path) -> None:
    """The ten worked files have no red line in an editor."""
    assert _is_valid(strategy.read_text(encoding="utf-8"))


def test_older_files_when_checked_by_an_editor_then_they_pass() -> None:
    """The five shapes of the first server's files are told by the schema as they are by the compiler."""
    assert len(_OLDER) == 5
    assert [name for name, text in _OLDER.items() if not _is_valid(text)] == []
    assert not _is_valid(_OLDER["SIMPLE"].replace("entry:", "entree:"))
    assert not _is_valid(_OLDER["SIMPLE"].replace("action: buy", "action: bye"))


@pytest.mark.parametrize("title", _SEEN)
def test_faulty_file_when_its_shape_is_wrong_then_an_editor_sees_it(title: str) -> None:
    """Unknown and missing keys and wrong shapes are red before anything is sent."""
    book = (_HERE / "faulty_strategies.txt").read_text(encoding="utf-8")
    files = dict(part.split("\n", 1) for part in book.split("=== ")[1:])
    text = files[title].split("--- told\n")[0]
    assert check_strategy(text)
    assert not _is_valid(text)


def test_keys_when_listed_then_each_has_a_sentence_and_defaults_are_values_it_may_have() -> None:
    """Every key of both dialects is described; a default passes its own schema."""
    schema = json_schema()
    for name, definition in schema["$defs"].items():  # type: ignore[attr-defined]
        properties: dict[str, Any] = definition.get("properties", {})
        for key, entry in properties.items():
            assert len(entry.get("description", "")) >= 5, f"{name}.{key}"
            if "default" in entry:
                whole = {**entry, "$defs": schema["$defs"]}
                valid = jsonschema_rs.Draft202012Validator(whole).is_valid(entry["default"])
                assert valid, f"{name}.{key}: {entry['default']}"
    defaults = sum("default" in row for block in schema["$defs"].values() for row in _rows(block))  # type: ignore[attr-defined]
    assert defaults >= 12


def _rows(block: dict[str, Any]) -> list[dict[str, Any]]:
    return list(block.get("properties", {}).values())
