"""The reference page of metrics is what the definitions say."""

from pathlib import Path

from sptraderb.engine.metric_definitions import DEFINITIONS
from sptraderb.engine.metric_reference import metric_reference

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "metrics.md"


def test_page_when_compared_then_is_what_the_definitions_say() -> None:
    """`docs/reference/metrics.md` is generated; this says how."""
    assert _PAGE.read_text(encoding="utf-8") == metric_reference(), (
        "write it again: python -c 'from sptraderb.engine.metric_reference import metric_reference; "
        'print(metric_reference(), end="")\' > docs/reference/metrics.md'
    )


def test_definitions_when_listed_then_names_are_unique() -> None:
    """A name stands for one definition."""
    names = [item.name for item in DEFINITIONS]
    assert len(set(names)) == len(names)
