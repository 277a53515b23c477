"""From a JSON object to a payload struct, telling all faults at once.

The struct's own decoder stops at the first fault and knows no near misses; a caller who wrote three
things wrong wants all three, with the key that was probably meant.
"""

import re
import types
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from sptraderb.errors import Fault, InvalidInput, SptraderbError

_Payload = TypeVar("_Payload", bound=msgspec.Struct)
_WORDS: Mapping[str, str] = {
    "str": "text",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "array": "a list",
    "list": "a list",
    "object": "an object",
    "dict": "an object",
    "null": "null",
    "NoneType": "null",
}
_TYPE_IN_TICKS = re.compile(r"`([A-Za-z |]+)`")


def read_payload(body: bytes, shape: type[_Payload], *, old_keys: Mapping[str, str] = {}) -> _Payload:
    """Return the payload a JSON body holds.

    Parameters
    ----------
    body : bytes
        A JSON text that was checked for depth before (``json_body``).
    shape : type
        The payload struct.
    old_keys : mapping of str to str
        Keys that are no longer read, with what to write instead.

    Raises
    ------
    InvalidInput
        ``body.not_an_object``, or ``body.invalid`` with a fault for each wrong key and value.
    """
    value = msgspec.json.decode(body)
    if not isinstance(value, dict):
        raise InvalidInput("body.not_an_object", f"the body must be a JSON object, was {_word_of(value)}")
    faults: list[Fault] = []
    payload = _converted(value, shape, path="", faults=faults, old_keys=old_keys)
    if faults or payload is None:
        raise invalid_body(faults)
    return payload


def invalid_body(faults: Sequence[Fault]) -> InvalidInput:
    """Return the error that tells all faults of a body."""
    places = ", ".join(f"`{fault.path}`" for fault in faults[:5])
    more = "" if len(faults) <= 5 else f" and {len(faults) - 5} more"
    return InvalidInput("body.invalid", f"the body must fit the API, {places}{more} did not", faults=faults)


def fault_of(error: SptraderbError, path: str) -> Fault:
    """Return an error found at one key as one fault of the whole body."""
    return Fault(code=error.code, message=error.message, path=path, hint=error.hint)


def _converted(
    value: Mapping[str, object],
    shape: type[_Payload],
    *,
    path: str,
    faults: list[Fault],
    old_keys: Mapping[str, str] = {},
) -> _Payload | None:
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    found: dict[str, Any] = {}
    n_before = len(faults)
    for key, item in value.items():
        field = fields.get(key)
        if field is None:
            faults.append(_unknown_key(key, list(fields), path, old_keys))
        else:
            found[field.name] = _converted_field(item, field.type, _joined(path, key), faults)
    for key, field in fields.items():
        if field.required and key not in value:
            place = _joined(path, key)
            faults.append(Fault(code="body.missing_key", message=f"`{place}` is needed", path=place))
    return shape(**found) if len(faults) == n_before else None


def _converted_field(item: object, wanted: Any, path: str, faults: list[Fault]) -> Any:
    inner = _struct_of(wanted)
    if inner is not None and isinstance(item, dict):
        return _converted(item, inner, path=path, faults=faults)
    held = _struct_held_by(wanted)
    if held is not None and isinstance(item, dict):
        return {
            key: _converted_field(row, held, _joined(path, key[:80]), faults) for key, row in item.items()
        }
    try:
        return msgspec.convert(item, wanted, strict=True)
    except msgspec.ValidationError as error:
        faults.append(Fault(code="body.wrong_type", message=f"`{path}` {plain_words(str(error))}", path=path))
        return None


def _struct_of(wanted: Any) -> type[msgspec.Struct] | None:
    for option in _options(wanted):
        if isinstance(option, type) and issubclass(option, msgspec.Struct):
            return option
    return None


def _struct_held_by(wanted: Any) -> type[msgspec.Struct] | None:
    """Return the struct that the values of a mapping must be, None for anything else."""
    for option in _options(wanted):
        if get_origin(option) is dict:
            return _struct_of(get_args(option)[1])
    return None


def _options(wanted: Any) -> tuple[Any, ...]:
    return get_args(wanted) if get_origin(wanted) in (Union, types.UnionType) else (wanted,)


def _unknown_key(key: str, known: Sequence[str], path: str, old_keys: Mapping[str, str]) -> Fault:
    place = _joined(path, key[:80])
    near = get_close_matches(key.lower(), known, n=1, cutoff=0.6)
    hint = f"did you mean `{near[0]}`?" if near else f"the keys are {', '.join(known)}"
    if not path and key in old_keys:
        hint = old_keys[key]
    return Fault(code="body.unknown_key", message=f"`{place}` is not a key here", path=place, hint=hint)


def plain_words(told: str) -> str:
    """Return what msgspec says about a value in the words of JSON.

    Examples
    --------
    >>> plain_words("Expected `str | null`, got `int` - at `$`")
    'must be text or null, was a whole number'
    """
    sentence = told.split(" - at ", 1)[0].replace("Expected", "must be").replace("got", "was")
    return _TYPE_IN_TICKS.sub(lambda match: _json_words(match.group(1)), sentence)


def _json_words(names: str) -> str:
    return " or ".join(_WORDS.get(name.strip(), name.strip()) for name in names.split("|"))


def _word_of(value: object) -> str:
    return _json_words(type(value).__name__)


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
