"""Content negotiation: which media type a request's ``Accept`` header asks for."""

from collections.abc import Mapping, Sequence

from sptraderb.errors import InvalidInput

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
PLAIN_TEXT = "text/plain"
CSV = "text/csv"
YAML = "text/yaml"
HTML = "text/html"
ARROW_STREAM = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"


def accepted_quality(accept: str, media_type: str) -> float:
    """Return the quality 0..1 an ``Accept`` header gives a media type; the most specific range decides.

    Examples
    --------
    >>> accepted_quality("text/*;q=0.5, text/csv", "text/csv")
    1.0
    >>> accepted_quality("text/html", "text/csv")
    0.0
    """
    if not accept.strip():
        return 1.0
    best = (-1, 0.0)
    for part in accept.split(","):
        name, *parameters = [piece.strip().lower() for piece in part.split(";")]
        rank = _range_rank(name, media_type)
        if rank > best[0]:
            best = (rank, _quality(parameters))
    return best[1]


def best_media_type(accept: str, offered: Sequence[str]) -> str | None:
    """Return the offered media type the header likes best, the first one on a tie, None if it takes none."""
    ranked = [(accepted_quality(accept, media_type), -place) for place, media_type in enumerate(offered)]
    quality, place = max(ranked)
    return offered[-place] if quality > 0 else None


def chosen_media_type(word: str | None, accept: str, formats: Mapping[str, str]) -> str:
    """Return the media type of an answer: the one ``?format=`` names, else the one ``Accept`` likes best.

    Parameters
    ----------
    word : str or None
        ``?format=``.
    accept : str
        The ``Accept`` header.
    formats : mapping of str to str
        Media types on offer by their words, the usual one first.

    Raises
    ------
    InvalidInput
        ``format.unknown``, ``media_type.not_acceptable``.
    """
    if word is not None:
        if word not in formats:
            known = ", ".join(formats)
            raise InvalidInput("format.unknown", f"`format` must be one of {known}, was `{word[:40]}`")
        return formats[word]
    offered = list(formats.values())
    found = best_media_type(accept, offered)
    if found is None:
        raise InvalidInput(
            "media_type.not_acceptable",
            f"Accept must allow one of {', '.join(offered)}, was `{accept[:100]}`",
            available=offered,
        )
    return found


def wants_plain_text(accept: str) -> bool:
    """Return whether a caller would rather read an error as text than as JSON.

    ``*/*`` and an absent header mean JSON; ``text/plain`` must be named.
    """
    lowered = accept.lower()
    if PLAIN_TEXT not in lowered:
        return False
    json_quality = max(accepted_quality(lowered, JSON), accepted_quality(lowered, PROBLEM_JSON))
    named_json = JSON in lowered or PROBLEM_JSON in lowered
    text_quality = accepted_quality(lowered, PLAIN_TEXT)
    return text_quality > json_quality if named_json else text_quality > 0


def _range_rank(media_range: str, media_type: str) -> int:
    if media_range == media_type:
        return 2
    if media_range == media_type.split("/", 1)[0] + "/*":
        return 1
    return 0 if media_range == "*/*" else -1


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(1.0, max(0.0, float(parameter[2:])))
            except ValueError:
                return 0.0
    return 1.0
