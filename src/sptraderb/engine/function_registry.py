"""Every function of the language as data: its arguments, its result, what it means.

Nothing is computed here: the compiler checks calls against it and ``engine/evaluate`` has an op for each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """One function of the language, computed by an op of ``engine/evaluate``.

    Parameters
    ----------
    name : str
        Word of the language.
    arguments : tuple of str
        Kinds: ``number``, ``boolean``, ``any`` (either; all ``any`` alike), ``bars`` (a constant count).
    result : {'number', 'boolean', 'first', 'distance', 'last'}
        What it gives: ``first`` as its first argument, ``last`` as its last, ``distance`` a difference.
    meaning : str
        One sentence.
    low : int
        Smallest count of ``bars``.
    default_bars : int or None
        The count if it is left out.
    repeats : bool
        Whether the last argument may be repeated.
    """

    name: str
    arguments: tuple[str, ...]
    result: str
    meaning: str
    low: int = 1
    default_bars: int | None = None
    repeats: bool = False

    @property
    def call(self) -> str:
        """How a strategy writes it."""
        words = {"number": "x", "boolean": "c", "any": "x", "bars": "n"}
        names = [words[kind] for kind in self.arguments]
        letters = iter("ab" if names.count("x") > 1 else "x")
        names = [next(letters) if name == "x" else name for name in names]
        if self.default_bars is not None:
            names[-1] = f"n = {self.default_bars}"
        return f"{self.name}({', '.join(names)}{', ...' if self.repeats else ''})"


_FUNCTION_SPECS = (
    FunctionSpec(
        name="crosses_above",
        arguments=("number", "number"),
        result="boolean",
        meaning="a > b now and not on the bar before.",
    ),
    FunctionSpec(
        name="crosses_below",
        arguments=("number", "number"),
        result="boolean",
        meaning="a < b now and not on the bar before.",
    ),
    FunctionSpec(
        name="rising",
        arguments=("number", "bars"),
        result="boolean",
        meaning="x is above each of the n values before it.",
    ),
    FunctionSpec(
        name="falling",
        arguments=("number", "bars"),
        result="boolean",
        meaning="x is below each of the n values before it.",
    ),
    FunctionSpec(
        name="change",
        arguments=("number", "bars"),
        result="distance",
        meaning="x - x[n].",
        default_bars=1,
    ),
    FunctionSpec(
        name="bars_since",
        arguments=("boolean",),
        result="number",
        meaning="Bars since c was true, 0 when it is true now; undefined if it never was.",
    ),
    FunctionSpec(
        name="count_true",
        arguments=("boolean", "bars"),
        result="number",
        meaning="On how many of the last n bars c was true, this bar included.",
    ),
    FunctionSpec(
        name="previous_value",
        arguments=("boolean", "number"),
        result="last",
        meaning="x on the latest bar where c was true, this bar included.",
    ),
    FunctionSpec(
        name="if_else",
        arguments=("boolean", "any", "any"),
        result="last",
        meaning="a where c is true, b where it is false.",
    ),
    FunctionSpec(name="abs", arguments=("number",), result="first", meaning="x without its sign."),
    FunctionSpec(
        name="min",
        arguments=("number", "number"),
        result="first",
        meaning="The smallest of its arguments.",
        repeats=True,
    ),
    FunctionSpec(
        name="max",
        arguments=("number", "number"),
        result="first",
        meaning="The largest of its arguments.",
        repeats=True,
    ),
    FunctionSpec(
        name="mod",
        arguments=("number", "number"),
        result="number",
        meaning="Remainder of a / b, with the sign of b.",
    ),
    FunctionSpec(
        name="floor",
        arguments=("number",),
        result="number",
        meaning="The largest whole number not above x.",
    ),
    FunctionSpec(
        name="sign",
        arguments=("number",),
        result="number",
        meaning="1, 0 or -1.",
    ),
    FunctionSpec(
        name="round_to_tick",
        arguments=("number",),
        result="first",
        meaning="The nearest price on the tick grid.",
    ),
)

FUNCTIONS: Mapping[str, FunctionSpec] = MappingProxyType({spec.name: spec for spec in _FUNCTION_SPECS})
"""Every function by its word."""
