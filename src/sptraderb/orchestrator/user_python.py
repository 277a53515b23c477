"""Runs a strategy's Python components, each in a process of its own that can do nothing but compute.

Place: between reading the candles and evaluating the plan. Off unless the operator says otherwise
(`USER_PYTHON`). The process gets the component's source and the candles through a pipe and answers with
columns (`component_process`); memory, processor time, wall time and answer size are bounded here, files,
network and signals there. Every value is checked again before it is used.
"""

import hashlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from sptraderb.domain.candle import Candles
from sptraderb.domain.component import Component
from sptraderb.domain.plan import Note, Plan
from sptraderb.engine.evaluate import evaluate_series
from sptraderb.errors import InvalidInput, StrategyInvalid
from sptraderb.orchestrator.component_policy import MUST_HOLD, ComponentPolicy, require_allowed
from sptraderb.telemetry import logger

Float64Array = npt.NDArray[np.float64]
ExternalSeries = Mapping[tuple[str, str], Float64Array]
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LOOK_EVERY_S = 0.05
_MOST_SOURCE = 1_000_000
_MOST_HEAD = 100_000
_MOST_LOG = 20_000
_N_REPLAYS = 24
_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputedComponents:
    """Series of a plan's components, and what is known about them.

    Parameters
    ----------
    series : mapping of (name, output) to ndarray of shape (n_bars,), dtype=float64
        NaN in the warm-up.
    notes : tuple of Note
        ``python.component_used`` each, ``python.look_ahead_suspected`` where one saw the future.
    sources : mapping of str to str
        SHA-256 of each module's text.
    first_leak_bar : int or None
        First bar seen to change when the future was cut off.
    """

    series: ExternalSeries
    notes: tuple[Note, ...] = ()
    sources: Mapping[str, str]
    first_leak_bar: int | None = None


def compute_components(
    plan: Plan,
    candles: Candles,
    policy: ComponentPolicy,
    *,
    should_stop: Callable[[], bool],
) -> ComputedComponents | None:
    """Run every component of a plan on its candles.

    Parameters
    ----------
    plan : Plan
        Names the components.
    candles : Candles
        With the warm-up in front.
    policy : ComponentPolicy
        What is allowed.
    should_stop : callable
        Asked 20 times a second; the process is killed then.

    Returns
    -------
    ComputedComponents or None
        None if stopped.

    Raises
    ------
    InvalidInput
        ``python.not_enabled``, ``python.unknown_module``, ``python.not_confined`` where this system
        cannot lock a component in.
    StrategyInvalid
        ``python.failed`` with the traceback, ``python.bad_output``, ``python.limit`` (memory, time).
    """
    require_allowed(plan, policy)
    wanted = {name for component in plan.components for name in component.indicators}
    known = evaluate_series(plan, candles, names=wanted) if wanted else {}
    series: dict[tuple[str, str], Float64Array] = {}
    notes: list[Note] = []
    sources: dict[str, str] = {}
    leaks: list[int] = []
    for component in plan.components:
        source = _source(component, policy)
        sources[component.module] = hashlib.sha256(source.encode()).hexdigest()
        indicators = {name: known[name] for name in component.indicators}
        answered = _answered(component, source, policy, (candles, indicators), should_stop)
        if answered is None:
            return None
        head, columns = answered
        for output, values in zip(component.columns(), columns, strict=True):
            series[component.name, output] = values
        notes.append(_used_note(component, head))
        if head["first_leak"] is not None:
            leaks.append(int(head["first_leak"]))
            notes.append(_leak_note(component, candles, leaks[-1]))
    return ComputedComponents(
        series=series, notes=tuple(notes), sources=sources, first_leak_bar=min(leaks, default=None)
    )


def replay_cuts(n_bars: int, warm_up: int) -> list[int]:
    """Return the lengths of the prefixes to replay: dense after the warm-up, then spread over the rest."""
    near = [warm_up + (1 << power) for power in range(_N_REPLAYS // 2)]
    spread = np.linspace(warm_up, n_bars, _N_REPLAYS // 2 + 2)[1:-1].astype(int).tolist()
    return sorted({cut for cut in (*near, *spread) if warm_up < cut < n_bars})


def _source(component: Component, policy: ComponentPolicy) -> str:
    path = Path(policy.folder) / f"{component.module}.py"
    if not _MODULE.fullmatch(component.module) or not path.is_file():
        known = sorted(file.stem for file in Path(policy.folder).glob("*.py")) if policy.folder else []
        raise InvalidInput(
            "python.unknown_module",
            f"a component's module must lie in the operator's folder, `{component.module[:60]}` does not",
            hint=f"there are {', '.join(known[:20])}" if known else "the folder USER_PYTHON_DIR is empty",
            available=known[:100],
        )
    source = path.read_text(encoding="utf-8", errors="replace")
    if len(source) > _MOST_SOURCE:
        raise InvalidInput(
            "python.unknown_module",
            f"a component must have at most {_MOST_SOURCE} characters, had {len(source)}",
        )
    return source


def _answered(
    component: Component,
    source: str,
    policy: ComponentPolicy,
    given: tuple[Candles, Mapping[str, Float64Array]],
    should_stop: Callable[[], bool],
) -> tuple[dict[str, Any], list[Float64Array]] | None:
    """Run one component and return its answer's head and columns, None if stopped."""
    candles, indicators = given
    columns = {**_bar_columns(candles), **indicators}
    n_bars = len(candles)
    request = {
        "source": source,
        "file": f"{component.module}.py",
        "module": component.module,
        "attribute": component.attribute,
        "parameters": {name: _plain(value) for name, value in component.parameters.items()},
        "outputs": list(component.outputs),
        "indicators": list(indicators),
        "columns": list(columns),
        "n_bars": n_bars,
        "warm_up": min(component.warm_up, n_bars),
        "cuts": replay_cuts(n_bars, min(component.warm_up, n_bars)),
        "confined": policy.mode == "confined",
        "must_hold": list(MUST_HOLD) if policy.mode == "confined" else [],
        "memory_bytes": policy.memory_bytes,
        "cpu_s": policy.cpu_s,
    }
    process = _ComponentProcess(request, columns, most_bytes=8 * n_bars * len(component.columns()))
    answer = process.answer(wall_s=2 * policy.cpu_s + 5, should_stop=should_stop)
    if answer is None:
        return None
    head, body = _parsed(answer, process, component)
    _require_sound(head, component)
    return head, _sound_columns(body, component, n_bars)


def _sound_columns(body: bytes, component: Component, n_bars: int) -> list[Float64Array]:
    """Return the columns of an answer; what came is not trusted to be what was promised."""
    n_columns = len(component.columns())
    if len(body) == 8 * n_bars * n_columns:
        arrays = np.frombuffer(body, dtype="<f8").reshape(n_columns, n_bars)
        if bool(np.isfinite(arrays[:, component.warm_up :]).all()):
            return [np.ascontiguousarray(row) for row in arrays]
    raise StrategyInvalid(
        "python.bad_output",
        f"the component `{component.name}` must give {n_columns} x {n_bars} finite numbers, did not",
        component=component.name,
    )


class _ComponentProcess:
    """One process, fed and read by threads so that neither side waits for a full pipe."""

    def __init__(
        self, request: Mapping[str, Any], columns: Mapping[str, npt.NDArray[Any]], *, most_bytes: int
    ) -> None:
        root = str(Path(__file__).parents[2])
        code = (
            f"import sys; sys.path.insert(0, {root!r}); "
            "from sptraderb.orchestrator.component_process import main; main()"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"},
        )
        self._most = 8 + _MOST_HEAD + most_bytes
        self.answer_bytes = b""
        self.log = b""
        self.timed_out = False
        head = json.dumps(request).encode()
        parts = [len(head).to_bytes(8, "little") + head]
        parts += [values.tobytes() for values in columns.values()]
        self._threads = [
            threading.Thread(target=self._feed, args=(parts,), daemon=True),
            threading.Thread(target=self._read_answer, daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def answer(self, *, wall_s: float, should_stop: Callable[[], bool]) -> bytes | None:
        """Wait for the end; return what was answered, None if stopped."""
        stopped = False
        waited = 0.0
        while True:
            try:
                self._process.wait(_LOOK_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                waited += _LOOK_EVERY_S
                stopped = should_stop()
                self.timed_out = waited >= wall_s
                if stopped or self.timed_out:
                    self._process.kill()
                    self._process.wait()
                    break
        for thread in self._threads:
            thread.join(1.0)
        return None if stopped else self.answer_bytes

    @property
    def exit_code(self) -> int:
        """Return how it ended; negative: by which signal."""
        return int(self._process.returncode)

    def _feed(self, parts: list[bytes]) -> None:
        stream = _open(self._process.stdin)
        try:
            with stream:
                for part in parts:
                    stream.write(part)
        except BrokenPipeError:
            pass

    def _read_answer(self) -> None:
        with _open(self._process.stdout) as stream:
            self.answer_bytes = stream.read(self._most + 1)

    def _read_log(self) -> None:
        with _open(self._process.stderr) as stream:
            while chunk := stream.read1(65_536):  # type: ignore[attr-defined]
                self.log = (self.log + chunk)[-_MOST_LOG:]


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise AssertionError
    return stream


def _parsed(answer: bytes, process: _ComponentProcess, component: Component) -> tuple[dict[str, Any], bytes]:
    """Split an answer; one that is cut or too long means that the process was ended or broke the rules."""
    printed = process.log.decode(errors="replace")
    if printed:
        _log.info("component printed", component=component.name, text=printed[-2000:])
    length = int.from_bytes(answer[:8], "little")
    if len(answer) >= 8 and length <= _MOST_HEAD and len(answer) >= 8 + length:
        head = json.loads(answer[8 : 8 + length])
        if isinstance(head, dict):
            return head, answer[8 + length :]
    reason = "it took too long" if process.timed_out else f"its process ended with {process.exit_code}"
    raise StrategyInvalid(
        "python.limit",
        f"the component `{component.name}` must end within its limits, {reason}",
        hint="the limits are USER_PYTHON_CPU_S and USER_PYTHON_MEMORY_MB",
        component=component.name,
        printed=printed[-2000:],
    )


def _require_sound(head: Mapping[str, Any], component: Component) -> None:
    error = head.get("error")
    if error == "failed":
        _log.warning("component failed", component=component.name, traceback=head.get("traceback"))
        raise StrategyInvalid(
            "python.failed",
            f"the component `{component.name}` must compute, it raised {head['type']}: {head['message']}",
            component=component.name,
            line=head.get("line"),
            traceback=head.get("traceback"),
        )
    if error == "bad_output":
        raise StrategyInvalid(
            "python.bad_output",
            f"the component `{component.name}` gave a result that cannot be used: {head['message']}",
            component=component.name,
        )
    if error == "not_confined":
        missing = ", ".join(head["missing"])
        raise InvalidInput(
            "python.not_confined",
            f"this system must be able to lock a component away from {missing}, it cannot",
            hint="Linux 5.13 or newer can; USER_PYTHON=trusted runs components with limits alone",
        )


def _bar_columns(candles: Candles) -> dict[str, npt.NDArray[Any]]:
    scale = 10.0**candles.instrument.price_scale
    prices = {name: getattr(candles, f"{name}_ticks") / scale for name in ("open", "high", "low", "close")}
    volume = candles.volume.astype(np.float64)
    return {"time": candles.time_s.astype("<i8"), **prices, "volume": volume}


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)


def _used_note(component: Component, head: Mapping[str, Any]) -> Note:
    held = ", ".join(head["held"])
    text = (
        f"`{component.name}` was computed by Python in a process of its own (held: {held}) and replayed on "
        f"{head['n_replays']} prefixes."
    )
    return Note(code="python.component_used", text=text, line=component.line)


def _leak_note(component: Component, candles: Candles, bar: int) -> Note:
    time = np.datetime64(int(candles.time_s[bar]), "s")
    text = (
        f"`{component.name}` gave another value on the bar of {time}Z when later bars were cut off: it sees "
        "the future, and so does this result."
    )
    return Note(code="python.look_ahead_suspected", text=text, line=component.line)
