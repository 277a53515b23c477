"""The process that runs a user's Python component: reads data and source, locks itself, computes, answers.

Started by `user_python` as a program of its own, never imported by the server: it must be able to give
everything up. What it reads (standard input) and writes (standard output): eight bytes of length, that
much JSON, then float64 columns. Whatever the component prints goes to standard error.

Order: read, import what the component imports (installed modules only), lock (`confinement`), run the
component on all bars, then again on prefixes: a value that changes when the future is cut off has seen it.
"""

import ast
import importlib
import importlib.util
import json
import linecache
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from sptraderb.orchestrator.confinement import ProcessLimits, confine, limit_use

Float64Array = npt.NDArray[np.float64]
Answer = dict[str, Any]
_TOLERANCE = 1e-12
_SYSTEM_FOLDERS = ("/usr/lib", "/lib", "/usr/lib64", "/lib64", "/usr/share/zoneinfo", "/etc/localtime")
_MOST_TRACEBACK = 6_000


class BarData(Mapping[str, npt.NDArray[Any]]):
    """Columns of equal length by name: ``data["close"]`` or ``data.close``; `len` counts columns."""

    def __init__(self, columns: Mapping[str, npt.NDArray[Any]], stop: int) -> None:
        self._columns = {name: values[:stop] for name, values in columns.items()}

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return one column, shape (n_bars,)."""
        return self._columns[name]

    def __getattr__(self, name: str) -> npt.NDArray[Any]:
        """Return one column, shape (n_bars,)."""
        if name.startswith("_") or name not in self._columns:
            raise AttributeError(f"there must be a column of that name, `{name}` is none")
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._columns)

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self._columns)


class OutputRefused(Exception):
    """What the component gave back is not what it must."""


def main() -> None:
    """Answer one request and end."""
    request, columns = _read(sys.stdin.buffer)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    results: list[Float64Array] = []
    try:
        _import_known(request["source"])
        held = frozenset({"limits"})
        limits = ProcessLimits(memory_bytes=request["memory_bytes"], cpu_s=request["cpu_s"])
        if request["confined"]:
            held = confine(limits, readable=_readable())
        else:
            limit_use(limits)
        missing = sorted(set(request["must_hold"]) - held)
        if missing:
            answer: Answer = {"error": "not_confined", "missing": missing}
        else:
            answer, results = _computed(request, columns)
            answer["held"] = sorted(held)
    except OutputRefused as error:
        answer = {"error": "bad_output", "message": str(error)}
    except BaseException as error:  # a component may raise anything, SystemExit too
        answer = {"error": "failed", **_told(error, request["file"])}
        results = []
    _write(answers, answer, results)


def _computed(request: Answer, columns: Mapping[str, npt.NDArray[Any]]) -> tuple[Answer, list[Float64Array]]:
    call = _component(request)
    names, n_bars, warm_up = request["outputs"] or [""], request["n_bars"], request["warm_up"]
    whole = _called(call, columns, request, n_bars)
    first_leak = None
    for cut in request["cuts"]:
        prefix = _called(call, columns, request, cut)
        for name in names:
            leak = _first_difference(prefix[name], whole[name][:cut], warm_up)
            if leak is not None and (first_leak is None or leak < first_leak):
                first_leak = leak
    return {"first_leak": first_leak, "n_replays": len(request["cuts"])}, [whole[name] for name in names]


def _component(request: Answer) -> Callable[[BarData, BarData], object]:
    """Run the source and return what computes: a class's method, or ``generate_signals``."""
    file = request["file"]
    linecache.cache[file] = (len(request["source"]), None, request["source"].splitlines(True), file)
    module: dict[str, Any] = {"__name__": request["module"], "__file__": file}
    exec(compile(request["source"], file, "exec"), module)
    parameters = request["parameters"]
    attribute = request["attribute"]
    if not attribute:
        if not callable(module.get("generate_signals")):
            raise OutputRefused("the module must have a function `generate_signals(data)`, has none")
        return lambda data, _indicators: module["generate_signals"](data, **parameters)
    if not isinstance(module.get(attribute), type):
        raise OutputRefused(f"the module must have a class `{attribute}`, has none")

    def call(data: BarData, indicators: BarData) -> object:
        made = module[attribute](**parameters)
        if hasattr(made, "calculate"):
            return made.calculate(data)
        if hasattr(made, "evaluate"):
            return made.evaluate(data, indicators)
        raise OutputRefused(f"`{attribute}` must have `calculate(data)` or `evaluate(data, indicators)`")

    return call


def _called(
    call: Callable[[BarData, BarData], object],
    columns: Mapping[str, npt.NDArray[Any]],
    request: Answer,
    n_bars: int,
) -> dict[str, Float64Array]:
    """Call the component on the first bars and return its series, checked."""
    own = set(request["indicators"])
    data = BarData({name: column for name, column in columns.items() if name not in own}, n_bars)
    indicators = BarData({name: columns[name] for name in request["indicators"]}, n_bars)
    given = call(data, indicators)
    names = request["outputs"]
    if not names:
        return {"": _checked(given, "it", n_bars, request["warm_up"])}
    if not isinstance(given, Mapping):
        raise OutputRefused(f"it must give a mapping of {', '.join(names)}, gave {type(given).__name__}")
    missing = [name for name in names if name not in given]
    if missing:
        raise OutputRefused(f"it must give {', '.join(names)}, did not give {', '.join(missing)}")
    return {name: _checked(given[name], f"`{name}`", n_bars, request["warm_up"]) for name in names}


def _checked(given: object, name: str, n_bars: int, warm_up: int) -> Float64Array:
    """Return a series as float64, NaN in its warm-up; refuse another length, kind or a value not finite."""
    values = np.asarray(given)
    if values.dtype.kind not in "bifu":
        raise OutputRefused(f"{name} must be numbers or booleans, was of dtype {values.dtype}")
    if values.shape != (n_bars,):
        raise OutputRefused(f"{name} must have one value for each of {n_bars} bars, had shape {values.shape}")
    numbers = values.astype(np.float64)
    numbers[:warm_up] = np.nan
    unsound = ~np.isfinite(numbers[warm_up:])
    if unsound.any():
        bar = warm_up + int(np.argmax(unsound))
        raise OutputRefused(
            f"{name} must be finite after its warm-up of {warm_up} bars, was {numbers[bar]} on bar {bar}"
        )
    return numbers


def _first_difference(prefix: Float64Array, whole: Float64Array, warm_up: int) -> int | None:
    """Return the first bar on which two series differ by more than a tie (M9), None if none does."""
    one, other = prefix[warm_up:], whole[warm_up:]
    largest = np.maximum(np.abs(one), np.abs(other))
    differs = np.abs(one - other) > _TOLERANCE * largest
    return warm_up + int(np.argmax(differs)) if differs.any() else None


def _import_known(source: str) -> None:
    """Import the installed modules a source imports, while this process may still read them."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            if importlib.util.find_spec(name.partition(".")[0]) is not None:
                importlib.import_module(name)


def _readable() -> list[str]:
    return [path for path in (*sys.path, *_SYSTEM_FOLDERS) if Path(path).is_absolute()]


def _told(error: BaseException, file: str) -> Answer:
    """Return what a user may know of an exception: its type, its words, the lines of his own file."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    lines = traceback.format_list(frames) + traceback.format_exception_only(error)
    own = error.filename == file if isinstance(error, SyntaxError) else False
    return {
        "type": type(error).__name__,
        "message": str(error)[:500],
        "line": frames[-1].lineno if frames else (error.lineno if own else None),  # type: ignore[attr-defined]
        "traceback": "".join(lines)[-_MOST_TRACEBACK:],
    }


def _read(stream: BinaryIO) -> tuple[Answer, dict[str, npt.NDArray[Any]]]:
    request: Answer = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    n_bars = request["n_bars"]
    columns: dict[str, npt.NDArray[Any]] = {}
    for name in request["columns"]:
        kind = np.dtype("<i8") if name == "time" else np.dtype("<f8")
        columns[name] = np.frombuffer(stream.read(8 * n_bars), dtype=kind)
    return request, columns


def _write(stream: BinaryIO, answer: Answer, results: list[Float64Array]) -> None:
    head = json.dumps(answer).encode()
    stream.write(len(head).to_bytes(8, "little") + head)
    for values in results:
        stream.write(values.astype("<f8").tobytes())
    stream.close()


if __name__ == "__main__":
    main()
