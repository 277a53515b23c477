"""Users' Python: what a component may do, what it may not, and how its lies are found out."""

import os
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.component import Component
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.plan import Plan
from sptraderb.domain.timeframe import H1
from sptraderb.errors import InvalidInput, StrategyInvalid
from sptraderb.orchestrator.component_policy import ComponentPolicy, require_allowed
from sptraderb.orchestrator.user_python import ComputedComponents, compute_components, replay_cuts

N_BARS = 300
MEAN = """
import numpy as np

class Mean:
    def __init__(self, period=3):
        self.period = period

    def calculate(self, data):
        sums = np.cumsum(data["close"])
        shifted = np.concatenate([np.zeros(self.period), sums[:-self.period]])
        return (sums - shifted) / self.period
"""


@pytest.fixture(scope="module")
def candles() -> Candles:
    """Three hundred hourly bars of a slow wave."""
    closes = (110_000 + 500 * np.sin(np.arange(N_BARS) / 9)).astype(np.int64)
    columns = {
        "time_s": 1_600_000_000 // 3600 * 3600 + 3600 * np.arange(N_BARS, dtype=np.int64),
        "open_ticks": closes,
        "high_ticks": closes + 20,
        "low_ticks": closes - 20,
        "close_ticks": closes,
        "volume": np.ones(N_BARS),
    }
    return Candles.from_columns(columns, instrument=SEEDED_INSTRUMENTS["EURUSD"], timeframe=H1)


def run(
    folder: Path, source: str, candles: Candles, *, mode: str = "confined", cpu_s: int = 10, **stated: object
) -> ComputedComponents | None:
    """Compute one component named ``it`` of a module ``own``."""
    (folder / "own.py").write_text(source)
    component = Component(name="it", module="own", **stated)  # type: ignore[arg-type]
    plan = Plan(name="p", nodes=(), entries=(), components=(component,))
    policy = ComponentPolicy(mode=mode, folder=str(folder), cpu_s=cpu_s)
    return compute_components(plan, candles, policy, should_stop=lambda: False)


def refused(folder: Path, source: str, candles: Candles, **stated: object) -> StrategyInvalid:
    """Return the error a component ends with."""
    with pytest.raises(StrategyInvalid) as raised:
        run(folder, source, candles, **stated)  # type: ignore[arg-type]
    return raised.value


def test_component_when_sound_then_its_series_and_no_leak(tmp_path: Path, candles: Candles) -> None:
    """A moving average of the user's own comes back on every bar after its warm-up."""
    found = run(tmp_path, MEAN, candles, attribute="Mean", parameters={"period": 5.0}, warm_up=4)
    assert found is not None
    values = found.series["it", ""]
    closes = candles.close_ticks / 10.0**5
    np.testing.assert_allclose(values[4:], np.convolve(closes, np.ones(5) / 5, "valid"), rtol=1e-12)
    assert np.isnan(values[:4]).all()
    assert found.first_leak_bar is None
    assert [note.code for note in found.notes] == ["python.component_used"]


def test_component_when_it_reads_the_future_then_the_first_bar_is_named(
    tmp_path: Path, candles: Candles
) -> None:
    """A value from the next bar changes when that bar is cut off; so does one from the whole mean."""
    peeks = """
import numpy as np

def generate_signals(data):
    ahead = np.append(data.close[1:], data.close[-1])
    return np.sign(ahead - data.close)
"""
    found = run(tmp_path, peeks, candles)
    assert found is not None
    assert found.first_leak_bar is not None
    assert 0 <= found.first_leak_bar < 20
    assert [note.code for note in found.notes] == ["python.component_used", "python.look_ahead_suspected"]
    whole = "def generate_signals(data):\n    return data.close - data.close.mean()\n"
    again = run(tmp_path, whole, candles)
    assert again is not None
    assert again.first_leak_bar == 0


def test_component_when_it_raises_then_its_traceback_names_its_line(tmp_path: Path, candles: Candles) -> None:
    """The error carries the lines of the user's file, none of the server's."""
    source = "def generate_signals(data):\n    return data['closse']\n"
    error = refused(tmp_path, source, candles)
    assert error.code == "python.failed"
    assert error.context["line"] == 2
    text = str(error.context["traceback"])
    assert "data['closse']" in text
    assert "component_process" not in text
    assert refused(tmp_path, "def broken(:\n", candles).context["line"] == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return data.close[1:]", "one value for each"),
        ("return ['a'] * len(data.close)", "numbers or booleans"),
        ("return data.close / 0 ", "finite"),
        ("return None", "numbers or booleans"),
        ("raise SystemExit(0)", "SystemExit"),
    ],
)
def test_component_when_its_output_is_unusable_then_refused(
    tmp_path: Path, candles: Candles, body: str, expected: str
) -> None:
    """Length, kind and finiteness are demanded; ending the process is a failure too."""
    source = f"import numpy as np\nnp.seterr(all='ignore')\n\ndef generate_signals(data):\n    {body}\n"
    assert expected in refused(tmp_path, source, candles).message


HOSTILE = {
    "a socket": "import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
    "a file to write": "open('/tmp/sptraderb-component', 'w').write('x')",
    "a file to read": "open('{secret}').read()",
    "a password file": "open('/etc/passwd').read()",
    "a program": "import subprocess; subprocess.run(['/bin/true'], check=True)",
    "a fork": "import os; os.fork()",
    "a signal": "import os; os.kill({pid}, 0)",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_component_when_it_reaches_out_then_it_fails(tmp_path: Path, candles: Candles, what: str) -> None:
    """Network, files, programs, processes and signals are out of a component's reach."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    secret.chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        statement = HOSTILE[what].format(port=port, secret=secret, pid=os.getpid())
        source = f"def generate_signals(data):\n    {statement}\n    return data.close\n"
        assert refused(tmp_path, source, candles).code == "python.failed"


def test_component_when_it_prints_then_the_answer_stays_whole(tmp_path: Path, candles: Candles) -> None:
    """What a component prints is not mistaken for its answer."""
    source = "def generate_signals(data):\n    print('x' * 100_000)\n    return data.close\n"
    found = run(tmp_path, source, candles)
    assert found is not None
    np.testing.assert_array_equal(found.series["it", ""], candles.close_ticks / 10.0**5)


@pytest.mark.parametrize("mode", ["confined", "trusted"])
def test_component_when_it_never_ends_then_the_limit_ends_it(
    tmp_path: Path, candles: Candles, mode: str
) -> None:
    """Processor time and memory are bounded by the kernel, whatever the component does and who wrote it."""
    source = "def generate_signals(data):\n    while True:\n        pass\n"
    error = refused(tmp_path, source, candles, cpu_s=1, mode=mode)
    assert (error.code, "its process ended with" in error.message) == ("python.limit", True)
    hungry = "def generate_signals(data):\n    return bytearray(8 << 30)\n"
    error = refused(tmp_path, hungry, candles, mode=mode)
    assert error.code == "python.failed"
    assert "MemoryError" in error.message


def test_component_when_the_run_is_stopped_then_none_within_a_second(
    tmp_path: Path, candles: Candles
) -> None:
    """A cancelled run does not wait for its component."""
    (tmp_path / "own.py").write_text("def generate_signals(data):\n    while True:\n        pass\n")
    plan = Plan(name="p", nodes=(), entries=(), components=(Component(name="it", module="own"),))
    policy = ComponentPolicy(mode="confined", folder=str(tmp_path))
    begin = time.monotonic()
    stopped = compute_components(plan, candles, policy, should_stop=lambda: time.monotonic() > begin + 0.3)
    assert stopped is None


def test_require_allowed_when_off_then_refused(tmp_path: Path) -> None:
    """Users' Python is off unless the operator turns it on."""
    plan = Plan(name="p", nodes=(), entries=(), components=(Component(name="it", module="own"),))
    with pytest.raises(InvalidInput) as raised:
        require_allowed(plan, ComponentPolicy())
    assert raised.value.code == "python.not_enabled"


@pytest.mark.parametrize("module", ["../own", "own.py", "", "missing"])
def test_component_when_its_module_is_not_in_the_folder_then_refused(
    tmp_path: Path, candles: Candles, module: str
) -> None:
    """A module is a plain name of a file in the operator's folder, never a path."""
    (tmp_path / "own.py").write_text(MEAN)
    plan = Plan(name="p", nodes=(), entries=(), components=(Component(name="it", module=module),))
    policy = ComponentPolicy(mode="confined", folder=str(tmp_path / "inner"))
    with pytest.raises(InvalidInput) as raised:
        compute_components(plan, candles, policy, should_stop=lambda: False)
    assert raised.value.code == "python.unknown_module"


def test_replay_cuts_when_bars_are_few_then_inside_them() -> None:
    """Prefixes are shorter than the data and longer than the warm-up, dense behind it."""
    cuts = replay_cuts(1000, 50)
    assert cuts[:4] == [51, 52, 54, 58]
    assert max(cuts) < 1000
    assert replay_cuts(50, 50) == []
