"""The language's documentation is true: its examples compile, its generated page is the registry's."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sptraderb.engine.indicator_registry import REGISTRY
from sptraderb.strategy.compiler import check_strategy
from sptraderb.strategy.document_reference import document_reference
from sptraderb.strategy.indicator_reference import indicator_reference
from sptraderb.strategy.json_schema import json_schema
from sptraderb.strategy.schema import BLOCKS

_ROOT = Path(__file__).resolve().parents[3]
_GUIDE = _ROOT / "docs" / "explain" / "strategy.md"
_PYTHON = _ROOT / "docs" / "howto" / "use-your-own-python.md"
_PAGES = _GUIDE.read_text() + _PYTHON.read_text()
_EXAMPLES = re.findall(r"```yaml\n(.*?)```", _PAGES, re.DOTALL)
_FAULTY = re.findall(r"```yaml faulty\n(.*?)```\n+```text\n(.*?)```", _GUIDE.read_text(), re.DOTALL)


@pytest.mark.parametrize("text", _EXAMPLES, ids=lambda text: text.split("\n", 1)[0])
def test_example_when_taken_from_the_guide_then_it_compiles(text: str) -> None:
    """Every whole strategy of the guide is valid."""
    assert [fault.rendered() for fault in check_strategy(text)] == []


def test_faults_when_taken_from_the_guide_then_they_read_as_printed() -> None:
    """The faults shown in the guide are those the compiler gives, word for word."""
    assert _FAULTY
    for text, printed in _FAULTY:
        assert "\n".join(fault.rendered() for fault in check_strategy(text)) == printed.rstrip()


def test_guide_when_read_then_it_names_every_key() -> None:
    """The guide names every key of every block."""
    guide = _GUIDE.read_text()
    missing = {key for block in BLOCKS.values() for key in block if not re.search(rf"\b{key}\b", guide)}
    assert missing == set()


def test_reference_page_when_compared_then_it_is_the_registrys() -> None:
    """`docs/reference/indicators.md` is what the registries say."""
    page = _ROOT / "docs" / "reference" / "indicators.md"
    assert page.read_text() == indicator_reference(), (
        "write it anew: python -c 'from sptraderb.strategy.indicator_reference import indicator_reference; "
        'print(indicator_reference(), end="")\' > docs/reference/indicators.md'
    )


def test_document_page_when_compared_then_it_is_the_schemas() -> None:
    """`docs/reference/strategy.md` is what the schema says."""
    page = _ROOT / "docs" / "reference" / "strategy.md"
    assert page.read_text() == document_reference(), (
        "write it anew: python -c 'from sptraderb.strategy.document_reference import document_reference; "
        'print(document_reference(), end="")\' > docs/reference/strategy.md'
    )


def test_json_schema_when_made_then_every_reference_resolves() -> None:
    """The JSON Schema refers to its own definitions only and refuses unknown keys."""
    schema = json_schema()
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    wanted = set(re.findall(r"#/\$defs/(\w+)", repr(schema)))
    assert wanted <= set(definitions)
    assert schema["else"] == {"$ref": "#/$defs/strategy"}
    assert definitions["strategy"]["required"] == ["name", "entry"]
    assert definitions["strategy"]["additionalProperties"] is False


@pytest.mark.parametrize("text", _EXAMPLES[:1], ids=["guide"])
def test_json_schema_when_a_valid_strategy_is_checked_then_it_passes(text: str) -> None:
    """An editor that uses the schema accepts the guide's strategy and refuses a misspelt key."""
    schemas = pytest.importorskip("jsonschema_rs")
    validator = schemas.Draft202012Validator(json_schema())
    document = yaml.safe_load(text)
    assert validator.is_valid(document)
    assert not validator.is_valid({**document, "exti": {}})


def test_import_when_the_api_loads_the_language_then_nothing_heavy_comes_along() -> None:
    """The language imports neither Numba nor TA-Lib nor pandas: the API process loads it."""
    program = (
        "import sys, sptraderb.strategy.compiler, sptraderb.strategy.json_schema, sptraderb.strategy.header\n"
        "heavy = {'numba', 'talib', 'llvmlite', 'pandas', 'pyarrow', 'arro3'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_pictures_when_counted_then_one_for_every_indicator() -> None:
    """Every indicator has its picture: a line of values, or a pattern's candles and its mark."""
    folder = _ROOT / "docs" / "reference" / "pictures"
    found = {file.stem: file.read_text() for file in folder.glob("*")}
    assert found.keys() == REGISTRY.keys()
    patterns = {name: text for name, text in found.items() if name.startswith("cdl")}
    assert [name for name, text in patterns.items() if text.count("<rect") != 25 or "Z" not in text] == []
    assert [name for name, text in found.items() if name not in patterns and text.count("L") < 50] == []
