"""The JSON Schema of the document, for editors; made of the same keys that the compiler checks."""

from sptraderb.strategy.document import MAX_BYTES
from sptraderb.strategy.legacy_schema import OLDER_SHAPE, older_schema
from sptraderb.strategy.names import MAX_NAME_LENGTH
from sptraderb.strategy.schema import BLOCKS, Key
from sptraderb.strategy.tokenizer import MAX_LENGTH

_SCALAR = ["string", "number"]
_NAMES = {"type": "string", "pattern": "^[a-z_][a-z0-9_]*$", "maxLength": MAX_NAME_LENGTH}
_SHAPES: dict[str, dict[str, object]] = {
    "text": {"type": [*_SCALAR, "boolean"]},
    "condition": {"type": ["string", "boolean"], "maxLength": MAX_LENGTH},
    "quantity": {"type": _SCALAR, "maxLength": MAX_LENGTH},
    "switch": {"enum": [True, False, "true", "false"]},
    "list": {"type": "array"},
    "mapping": {"type": "object"},
    "series": {
        "type": "object",
        "propertyNames": _NAMES,
        "additionalProperties": {"type": _SCALAR, "maxLength": MAX_LENGTH},
    },
    "components": {
        "type": "object",
        "propertyNames": _NAMES,
        "additionalProperties": {"$ref": "#/$defs/component"},
    },
    "parameters": {
        "type": "object",
        "propertyNames": _NAMES,
        "additionalProperties": {"anyOf": [{"type": [*_SCALAR, "boolean"]}, {"$ref": "#/$defs/parameter"}]},
    },
}


def json_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a strategy in the language.

    Notes
    -----
    It knows keys and shapes; what only the compiler knows (types of expressions, units, ranges) is told by
    ``POST /api/strategies/validate``. A file of the older dialect is told by its shape, as `legacy` does,
    and held to that dialect's keys.
    """
    definitions = {name: _block_schema(name) for name in BLOCKS} | {"older": older_schema()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "SPtraderB strategy",
        "description": f"A strategy of the SPtraderB language, at most {MAX_BYTES} bytes of YAML.",
        "if": OLDER_SHAPE,
        "then": {"$ref": "#/$defs/older"},
        "else": {"$ref": "#/$defs/strategy"},
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


def _block_schema(name: str) -> dict[str, object]:
    keys = BLOCKS[name]
    schema: dict[str, object] = {
        "type": "object",
        "properties": {key.name: _key_schema(key) for key in keys.values()},
        "additionalProperties": False,
    }
    required = [key.name for key in keys.values() if key.required]
    return {**schema, "required": required} if required else schema


def _key_schema(key: Key) -> dict[str, object]:
    shapes = [_shape(word) for word in key.shape.split("|")]
    schema: dict[str, object] = {"description": key.meaning}
    if key.default:
        schema["default"] = key.default == "true" if key.shape == "switch" else key.default
    if key.choices and key.shape == "text":
        return {**schema, "enum": list(key.choices)}
    return {**schema, **(shapes[0] if len(shapes) == 1 else {"anyOf": shapes})}


def _shape(word: str) -> dict[str, object]:
    if not word.startswith("@"):
        return _SHAPES[word]
    name = word.removeprefix("@").removesuffix("[]")
    if name not in BLOCKS:
        return {"type": "object"}
    block: dict[str, object] = {"$ref": f"#/$defs/{name}"}
    if not word.endswith("[]"):
        return block
    return {"anyOf": [block, {"type": "array", "items": block}]}
