"""Cursors and entity tags: what goes out comes back, anything else is refused."""

import pytest

from sptraderb.api.paging import decode_cursor, encode_cursor, page_limit
from sptraderb.api.preconditions import expected_revision, is_unchanged, revision_tag, weak_tag
from sptraderb.errors import InvalidInput, PreconditionFailed


def test_cursor_when_handed_back_then_the_same_key() -> None:
    """A cursor is opaque and holds its key exactly."""
    assert decode_cursor(encode_cursor("name/ü", 7), tuple[str, int]) == ("name/ü", 7)
    assert decode_cursor(None, tuple[str, int]) is None


@pytest.mark.parametrize(
    "cursor", ["", "!", "abc", "ü", "x" * 500, encode_cursor(1), encode_cursor("a", "b")]
)
def test_cursor_when_not_ours_then_refused(cursor: str) -> None:
    """Invented cursors are refused, never guessed at."""
    with pytest.raises(InvalidInput) as caught:
        decode_cursor(cursor, tuple[str, int])
    assert caught.value.code == "page.cursor_malformed"


def test_limit_when_outside_then_refused_with_the_ceiling() -> None:
    """A limit is bounded and has a default."""
    assert (page_limit(None), page_limit(5), page_limit(None, default=7)) == (100, 5, 7)
    for limit in (0, -1, 1001):
        with pytest.raises(InvalidInput, match=r"1\.\.1000"):
            page_limit(limit)


@pytest.mark.parametrize(("header", "revision"), [(None, None), ("", None), ("*", None), (' "12" ', 12)])
def test_if_match_when_ours_then_the_revision(header: str | None, revision: int | None) -> None:
    """Our tags are revisions; `*` and absence demand none."""
    assert expected_revision(header) == revision
    assert revision_tag(12) == '"12"'


def test_if_match_when_not_ours_then_refused() -> None:
    """Lists and weak tags are malformed; a strong tag that is none of ours is simply not current."""
    for header in ('"1", "2"', 'W/"1"', "1", '"'):
        with pytest.raises(InvalidInput):
            expected_revision(header)
    for header in ('"abc"', '"-1"', '""', f'"{"9" * 30}"'):
        with pytest.raises(PreconditionFailed):
            expected_revision(header)


def test_if_none_match_when_it_holds_the_tag_then_unchanged() -> None:
    """The comparison is weak; `*` holds every tag."""
    tag = weak_tag("r1-a")
    assert is_unchanged('"x", W/"r1-a"', tag)
    assert is_unchanged('"r1-a"', tag)
    assert is_unchanged("*", tag)
    assert not is_unchanged('"x"', tag)
    assert not is_unchanged(None, tag)
