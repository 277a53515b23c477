"""Content negotiation."""

import pytest

from sptraderb.api.media_types import CSV, JSON, accepted_quality, best_media_type, wants_plain_text


@pytest.mark.parametrize(
    ("accept", "quality"),
    [
        ("", 1.0),
        ("*/*", 1.0),
        ("text/csv", 0.0),
        ("application/*;q=0.3", 0.3),
        ("application/json;q=0, */*", 0.0),
        ("application/json;q=nonsense", 0.0),
        ("application/json;q=7", 1.0),
        ("APPLICATION/JSON", 1.0),
    ],
)
def test_quality_when_ranges_overlap_then_the_most_specific_decides(accept: str, quality: float) -> None:
    """RFC 9110: the most specific range counts, bad weights count nothing."""
    assert accepted_quality(accept, JSON) == quality


def test_best_when_equal_then_the_first_offered_wins() -> None:
    """A tie goes to what we offer first; nothing acceptable is None."""
    assert best_media_type("*/*", (JSON, CSV)) == JSON
    assert best_media_type("text/csv, application/json;q=0.5", (JSON, CSV)) == CSV
    assert best_media_type("image/png", (JSON, CSV)) is None


@pytest.mark.parametrize(
    ("accept", "plain"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", True),
        ("text/plain, */*", True),
        ("application/json, text/plain, */*", False),
        ("application/json;q=0.5, text/plain", True),
        ("text/plain;q=0", False),
        ("text/html", False),
    ],
)
def test_plain_text_when_named_and_liked_better_then_chosen(accept: str, plain: bool) -> None:
    """Only a caller that names text/plain gets text; a usual web client's header means JSON."""
    assert wants_plain_text(accept) is plain
