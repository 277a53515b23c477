"""The settling that the registry declares is enough: where the data start then no longer matters."""

import numpy as np
import pytest

from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.engine.frames import Frame
from sptraderb.engine.indicator_registry import REGISTRY
from sptraderb.engine.indicators import compute_indicator
from sptraderb.testing.random_runs import random_candles

_FRAME = Frame(random_candles(SEEDED_INSTRUMENTS["EURUSD"], seed=3, n_bars=4_500))
_LATER = 611
_RUNNING_SUMS = {"obv", "ad", "nvi", "pvi", "pvt", "wad"}
_NAMES = sorted(name for name, spec in REGISTRY.items() if not spec.reads_sessions)


def _inputs(name: str) -> tuple[np.ndarray, ...]:
    rows = REGISTRY[name].inputs
    return tuple(_FRAME.price(row.price) + (1.0 if row.price == "volume" else 0.0) for row in rows)


@pytest.mark.parametrize("name", _NAMES)
def test_settling_when_it_has_passed_then_an_earlier_start_changes_nothing(name: str) -> None:
    """After the first value and the settling, values equal those of data that started 611 bars earlier.

    To a hundred-thousandth of the series' own spread; running sums say that they never settle.
    """
    spec = REGISTRY[name]
    params = tuple(9.0 if row.default is None else float(row.default) for row in spec.parameters)
    whole = compute_indicator(name, _inputs(name), params)
    later = compute_indicator(name, tuple(series[_LATER:].copy() for series in _inputs(name)), params)
    if name in _RUNNING_SUMS:
        assert "counts from the first loaded bar" in spec.differs
        return
    for output, long, short in zip(spec.output_names, whole, later, strict=True):
        settled = spec.first_value(params, output) + spec.settle(params)
        assert settled < len(short) - 100
        np.testing.assert_allclose(
            short[settled:], long[_LATER:][settled:], rtol=0, atol=1e-5 * float(np.nanstd(long)) + 1e-300
        )
