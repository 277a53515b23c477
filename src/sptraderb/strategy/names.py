"""The language's words, and the guess at what a misspelt one was meant to be."""

import re
from collections.abc import Iterable

from sptraderb.engine.function_registry import FUNCTIONS
from sptraderb.engine.indicator_registry import ALIASES, REGISTRY
from sptraderb.engine.indicator_spec import PRICES

NAME = re.compile(r"[a-z_][a-z0-9_]*")
MAX_NAME_LENGTH = 60
CALENDAR_FACTS = ("hour", "day_of_week")
INDICATORS = {**{name: name for name in REGISTRY}, **ALIASES}
"""Indicator words of the language, other spellings included, to registry names."""
_OTHER_WORDS = ("and", "or", "not", "true", "false", "position", "forming", "bar_index")
_UNITS = ("pips", "ticks", "lots", "units", "bars", "pip", "tick", "lot", "unit", "bar", "r")
RESERVED = frozenset([*PRICES, *CALENDAR_FACTS, *INDICATORS, *FUNCTIONS, *_OTHER_WORDS, *_UNITS])
"""Words that neither a parameter nor a series may take."""

_MAX_GUESSED = 40
_N_ALIKE = 4


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean `x`?`` for the nearest known word, or an empty text.

    Examples
    --------
    >>> did_you_mean("stop_los", ["stop_loss", "when"])
    'did you mean `stop_loss`?'
    """
    guess = nearest(word, known)
    return f"did you mean `{guess}`?" if guess else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word within a third of the letters, else the only one that begins alike."""
    if not 1 < len(word) <= _MAX_GUESSED:
        return ""
    lowered, known = word.lower(), list(known)
    limit = max(1, len(word) // 3)
    scored = [
        (_distance(lowered, name, limit), name) for name in known if abs(len(name) - len(word)) <= limit
    ]
    near = sorted(row for row in scored if row[0] <= limit)
    if near:
        return near[0][1]
    alike = [name for name in known if _n_shared(lowered, name) >= max(_N_ALIKE, len(word) // 2)]
    return alike[0] if len(alike) == 1 else ""


def _n_shared(one: str, two: str) -> int:
    """Return how many letters two words begin with in common."""
    return next(
        (at for at, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(two)),
    )


def _distance(one: str, two: str, limit: int) -> int:
    """Return the edits (insert, delete, replace, swap neighbours) between words, or limit + 1."""
    before: list[int] = []
    row = list(range(len(two) + 1))
    for at, letter in enumerate(one, start=1):
        older, before = before, row
        row = [at] + [0] * len(two)
        for to, other in enumerate(two, start=1):
            row[to] = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != other))
            if at > 1 and to > 1 and letter == two[to - 2] and one[at - 2] == other:
                row[to] = min(row[to], older[to - 2] + 1)
        if min(row) > limit:
            return limit + 1
    return row[-1]
