"""The reference page of the document's keys, made of the schema so that it cannot drift."""

from sptraderb.strategy.schema import BLOCKS, Key

_HEAD = """# Keys of a strategy

Generated from `strategy/schema.py` by `strategy/document_reference.py`; a test compares the two, so change
the schema, not this page. What the keys mean together is told in [the language](../explain/strategy.md).
A key in bold must be there.
"""
_WHERE = {
    "strategy": "The whole document",
    "entry": "`entry`",
    "rule": "One entry: `entry.long`, `entry.short` or an item of their lists",
    "order": "`order` of an entry",
    "size": "`size` of an entry, as a mapping with one of",
    "exit": "`exit`",
    "side_exit": "`exit.long`, `exit.short` and `exit` of an entry",
    "level": "An absolute price in place of a distance",
    "trailing": "`trailing_stop` as a mapping",
    "partial": "An item of `partial`",
    "scale_in": "`scale_in`",
    "parameter": "A parameter as a mapping",
    "component": "A component of `python`",
    "range": "A range of values of `optimization.parameters`",
}
_SHAPE_WORDS = {
    "condition": "a condition",
    "quantity": "a number or expression",
    "switch": "`true` or `false`",
    "list": "a list",
    "mapping": "a mapping",
    "series": "names with an expression each",
    "components": "names with a mapping each",
    "parameters": "names with a value each",
}


def document_reference() -> str:
    """Return `docs/reference/strategy.md` as text."""
    return _HEAD + "".join(_section(name) for name in BLOCKS)


def _section(name: str) -> str:
    head = _WHERE.get(name, f"`{name}`")
    rows = "".join(_row(key) for key in BLOCKS[name].values())
    return f"\n## {head}\n\n| key | is | unless stated | meaning |\n| --- | --- | --- | --- |\n{rows}"


def _row(key: Key) -> str:
    shown = f"**`{key.name}`**" if key.required else f"`{key.name}`"
    default = f"`{key.default}`" if key.default else ""
    return f"| {shown} | {_shape_words(key)} | {default} | {_escaped(key.meaning)} |\n"


def _shape_words(key: Key) -> str:
    if key.choices and key.shape == "text":
        return " or ".join(f"`{word}`" for word in key.choices)
    return " or ".join(dict.fromkeys(_word(shape) for shape in key.shape.split("|")))


def _word(shape: str) -> str:
    if shape.startswith("@"):
        return "a mapping, or a list of them" if shape.endswith("[]") else "a mapping"
    return _SHAPE_WORDS.get(shape, "text")


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
