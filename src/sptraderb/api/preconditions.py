"""Entity tags: ``ETag`` out, ``If-Match`` and ``If-None-Match`` in (RFC 9110, section 13)."""

from sptraderb.errors import InvalidInput, PreconditionFailed


def revision_tag(revision: int) -> str:
    """Return the strong ETag of a revision."""
    return f'"{revision}"'


def weak_tag(text: str) -> str:
    """Return a weak ETag."""
    return f'W/"{text}"'


def expected_revision(if_match: str | None) -> int | None:
    """Return the revision an ``If-Match`` header demands, None without one or for ``*``.

    Raises
    ------
    InvalidInput
        ``precondition.malformed`` if it names several tags or is no tag.
    PreconditionFailed
        ``revision.not_current`` if the tag can be none of ours.
    """
    text = (if_match or "").strip()
    if text in ("", "*"):
        return None
    if "," in text or len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        raise InvalidInput(
            "precondition.malformed",
            f'If-Match must be one strong tag such as "3", was {text[:80]}',
        )
    digits = text[1:-1]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise PreconditionFailed("revision.not_current", f"If-Match must be the current tag, was {text[:80]}")
    return int(digits)


def requires_existing(if_match: str | None) -> bool:
    """Return whether ``If-Match`` is there at all, so that nothing may be created."""
    return bool((if_match or "").strip())


def is_unchanged(if_none_match: str | None, tag: str) -> bool:
    """Return whether the caller's ``If-None-Match`` holds this tag (weak comparison)."""
    if not if_none_match:
        return False
    wanted = tag.removeprefix("W/")
    tags = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return "*" in tags or wanted in tags
