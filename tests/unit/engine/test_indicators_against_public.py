"""Every indicator against values that an independent public library gave for the same bars."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sptraderb.engine.indicator_registry import REGISTRY
from sptraderb.engine.indicators import compute_indicator
from sptraderb.testing.indicator_references import indicator_references, reference_page
from sptraderb.testing.made_bars import fine_bars, patterned_bars

_FIRST_DAY = 19_723  # 2024-01-01, a Monday, as days since 1970
_PAGE = Path(__file__).parents[3] / "docs" / "reference" / "indicator_references.md"
_REFERENCES = indicator_references()
_BY_TALIPP = (Path(__file__).parent / "test_indicators_against_talipp.py").read_text(encoding="utf-8")
_NUMBERS = sorted(name for name, entry in _REFERENCES.items() if "values" in entry)
_PATTERNS = sorted(name for name, entry in _REFERENCES.items() if "hits" in entry)


def test_references_when_listed_then_every_indicator_has_one() -> None:
    """An entry of the registry without an independent reference fails here."""
    assert sorted(_REFERENCES) == sorted(REGISTRY)
    elsewhere = set(REGISTRY) - {*_NUMBERS, *_PATTERNS}
    assert {_REFERENCES[name]["library"] for name in elsewhere} == {"talipp 2.7.0"}
    assert [name for name in sorted(elsewhere) if f'\n    "{name}": (' not in _BY_TALIPP] == []


def test_page_when_generated_then_is_the_one_in_the_documents() -> None:
    """`docs/reference/indicator_references.md` is `reference_page()`."""
    assert _PAGE.read_text(encoding="utf-8") == reference_page()


@pytest.mark.parametrize("name", _NUMBERS)
def test_indicator_when_compared_with_a_public_library_then_its_values_agree(name: str) -> None:
    """Twelve late bars of every output, to eight digits of the largest."""
    entry, spec, bars = _REFERENCES[name], REGISTRY[name], fine_bars()
    inputs = tuple(bars[row.price] for row in spec.inputs)
    if spec.reads_sessions:
        inputs = (*inputs, (_FIRST_DAY + np.arange(len(inputs[0])) // 24).astype(np.float64))
    found = compute_indicator(name, inputs, tuple(map(float, entry["parameters"])))
    assert len(found) == len(entry["values"]) == len(spec.outputs)
    for values, wanted in zip(found, entry["values"], strict=True):
        assert _spread(wanted) > 0 or name == "fractal"
        scale = max(abs(number) for number in wanted)
        np.testing.assert_allclose(
            np.asarray(values)[entry["bars"]], wanted, rtol=1e-9, atol=1e-8 * scale, err_msg=name
        )


def _spread(numbers: list[float]) -> float:
    return max(numbers) - min(numbers)


@pytest.mark.parametrize("name", _PATTERNS)
def test_pattern_when_compared_with_a_public_library_then_every_bar_agrees(name: str) -> None:
    """80,000 bars: where a pattern is, which way it points, and that it is there at all."""
    entry, spec, bars = _REFERENCES[name], REGISTRY[name], patterned_bars()
    inputs = tuple(bars[row.price] for row in spec.inputs)
    (values,) = compute_indicator(name, inputs, tuple(map(float, entry["parameters"])))
    signs = np.nan_to_num(np.asarray(values))[entry["first_bar"] :].astype("<i2")
    hits: list[Any] = [[int(at) + entry["first_bar"], int(signs[at])] for at in np.flatnonzero(signs)]
    assert hits[: len(entry["hits"])] == entry["hits"] != []
    assert ((signs > 0).sum(), (signs < 0).sum()) == (entry["ups"], entry["downs"])
    assert zlib.crc32(signs.tobytes()) == entry["crc32"]
