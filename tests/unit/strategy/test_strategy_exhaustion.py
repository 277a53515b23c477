"""Texts made to exhaust the compiler: each answered within a second and a bounded heap of memory."""

import gc
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from sptraderb.strategy.assessment import assess_strategy
from sptraderb.strategy.target import DEFAULT_TARGET

_MOST_SECONDS = 1.0
_MOST_BYTES = 40_000_000
_MOST_PROCESS_KB = 200_000


def _rule(when: str, rest: str = "", size: str = "2%") -> str:
    return f"name: x\nentry:\n  long:\n    when: {when}\n    size: {size}\n{rest}"


def _chain(first: str, link: str, count: int, use: str) -> str:
    """Return a strategy whose named series each use the one before."""
    rows = "".join(f"  s{at}: {link.format(before=f's{at - 1}', at=at)}\n" for at in range(1, count))
    return f"name: x\nindicators:\n  s0: {first}\n{rows}entry: {{long: {{when: {use}, size: 1%}}}}\n"


_WORST = {
    "billion laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "long text by aliases": 'a: &a "' + "x" * 30_000 + '"\nb: [' + ",".join(["*a"] * 4_000) + "]\n",
    "open brackets": "[" * 60_000,
    "open mappings": "a: " * 20_000,
    "unknown names": "name: x\nindicators:\n"
    + "".join(f"  s{at}: {' + '.join(f'clss{to}' for to in range(40))}\n" for at in range(190)),
    "a long chain": "name: x\nindicators:\n  s0: close\n"
    + "".join(f"  s{at}: s{at - 1} + 1\n" for at in range(1, 2_300)),
    "a large circle": "name: x\nindicators:\n"
    + "".join(f"  s{at}: s{(at + 1) % 2_000}\n" for at in range(2_000)),
    "large expressions": "name: x\nindicators:\n"
    + "".join(f"  s{at}: {'ema(close, 5) > 1 and ' * 40}close > {at}\n" for at in range(60)),
    "a huge power": "name: x\nentry: {long: {when: close > 9**9**9**9, size: 2%}}\n",
    "many keys": "".join(f"{'k' * 40}{at}: 1\n" for at in range(1_200)),
    "parentheses": _rule("(" * 900 + "close" + ")" * 900 + " > 1"),
    "nots": _rule("not " * 480 + "close > 1"),
    "minus signs": _rule("close > " + "-" * 1_900 + "1"),
    "lags of lags": _rule("close" + "[1]" * 600 + " > 1"),
    "timeframes of timeframes": _rule("close" + "@4h" * 600 + " > 1"),
    "a long comparison": _rule("close" + " < 1" * 480),
    "a long and": _rule("close > 1" + " and close > 2" * 130),
    "nested if_else": _rule("if_else(close > 1, " * 40 + "1" + ", 2)" * 40 + " > 1"),
    "a doubling chain of 4h": _chain("close", "{before} * {before}", 1_900, "s1899@4h > 1"),
    "a doubling chain of facts": _chain("position.open_pnl", "{before} * {before}", 1_900, "s1899 > 1"),
    "a long chain of facts": _chain("position.open_pnl", "{before} + {at}", 240, "s239 > 1"),
    "facts in many rules": _chain("position.open_pnl", "{before} + {at}", 240, "s1 > 1").split("entry")[0]
    + "entry:\n  long:\n"
    + "".join(f"    - {{when: s239 > {at}, size: 1%, name: n{at}}}\n" for at in range(50)),
    "a huge size": _rule("close > open", size="9" * 30 + " lots"),
    "huge numbers": _rule(
        "close > 1e30",
        "exit: {stop_loss: 1e30 pips, max_bars: 1e30, partial: [{at: 1e30 R, close: 1e30%}]}\n"
        "scale_in: {max_entries: 1e30, min_distance: 1e30%}\nrisk: {max_position_size: 1e30 lots}\n",
    ),
    "many parts": _rule("close > open", "exit: {partial: [" + "{at: 1 pip, close: 1%}," * 1_500 + "]}\n"),
    "many words": "name: x\nparameters:\n"
    + "".join(f"  p{at}: {{default: a, choices: [{','.join('abcdefghijklm')}]}}\n" for at in range(300))
    + "entry: {long: {when: p1 == a, size: 1%}}\n",
    "aliases of rules": "name: x\nentry:\n  long:\n    - &r {when: close > open, size: 1%}\n"
    + "    - *r\n" * 700,
    "many misspelt words": "name: x\nindicators:\n"
    + "".join(f"  s{at}: smaa(closee, 1{at}) + emaa(openn, {at}) > rsii(14)\n" for at in range(700)),
}


@pytest.mark.parametrize("name", _WORST)
def test_worst_text_when_assessed_then_it_takes_less_than_a_second(name: str) -> None:
    """Each is answered, with a plan or with faults, within a second of processor time."""
    gc.freeze()  # What other tests left behind is not the compiler's to collect.
    started = time.process_time()
    found = assess_strategy(_WORST[name], target=DEFAULT_TARGET)
    took = time.process_time() - started
    gc.unfreeze()
    assert took < _MOST_SECONDS
    assert found.faults or found.plan


@pytest.mark.parametrize("name", ["billion laughs", "long text by aliases", "open brackets", "many keys"])
def test_worst_text_when_assessed_then_it_takes_few_megabytes(name: str) -> None:
    """None of them makes the compiler hold more than some megabytes."""
    tracemalloc.start()
    assess_strategy(_WORST[name], target=DEFAULT_TARGET)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < _MOST_BYTES


def assess_all() -> int:
    """Assess every text in this process; return the most memory it had, in kilobytes.

    The high water mark of `getrusage` would be that of the process that started this one.
    """
    for text in _WORST.values():
        assess_strategy(text, target=DEFAULT_TARGET)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel does not tell")
def test_worst_texts_when_assessed_in_one_process_then_it_stays_below_200_megabytes() -> None:
    """A process that meets all of them, one after the other, never grows beyond 200 MB."""
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < _MOST_PROCESS_KB


if __name__ == "__main__":
    sys.stdout.write(str(assess_all()))
