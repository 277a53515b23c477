"""Indicators that are one TA-Lib function, called with the registry's inputs and parameters in order."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import talib

from sptraderb.engine.indicator_parts import Compute, Series
from sptraderb.engine.indicator_registry import REGISTRY
from sptraderb.engine.indicator_spec import IndicatorSpec

_FUNCTIONS: Mapping[str, str] = {
    name: spec.talib for name, spec in REGISTRY.items() if name.startswith("cdl")
} | {
    "trima": "TRIMA",
    "t3": "T3",
    "mama": "MAMA",
    "ht_trendline": "HT_TRENDLINE",
    "midpoint": "MIDPOINT",
    "midprice": "MIDPRICE",
    "sar": "SAR",
    "avgprice": "AVGPRICE",
    "medprice": "MEDPRICE",
    "typprice": "TYPPRICE",
    "wclprice": "WCLPRICE",
    "aroon": "AROON",
    "aroonosc": "AROONOSC",
    "bop": "BOP",
    "cmo": "CMOU",
    "rocp": "ROCP",
    "rocr": "ROCR",
    "trix": "TRIX",
    "ad": "AD",
    "heikin_ashi": "HA",
    "vortex": "VORTEX",
    "beta": "BETA",
    "correl": "CORREL",
    "linearreg": "LINEARREG",
    "linearreg_slope": "LINEARREG_SLOPE",
    "linearreg_angle": "LINEARREG_ANGLE",
    "linearreg_intercept": "LINEARREG_INTERCEPT",
    "tsf": "TSF",
    "var": "VAR",
    "accbands": "ACCBANDS",
    "zlema": "ZLEMA",
    "avgdev": "AVGDEV",
    "percentile": "PERCENTILE",
    "adr": "ADR",
    "fractal": "FRACTAL",
    "ao": "AO",
    "ac": "AC",
    "coppock": "COPPOCK",
    "smi": "SMI",
    "dpo": "DPO",
    "vhf": "VHF",
    "eri": "ERI",
    "fosc": "FOSC",
    "imi": "IMI",
    "qstick": "QSTICK",
    "tsi": "TSI",
    "rvi": "RVI",
    "massi": "MASSI",
    "cvi": "CVI",
    "efi": "EFI",
    "rvol": "RVOL",
    "nvi": "NVI",
    "pvi": "PVI",
    "pvt": "PVT",
    "wad": "WAD",
    "ht_dcperiod": "HT_DCPERIOD",
    "ht_dcphase": "HT_DCPHASE",
    "ht_phasor": "HT_PHASOR",
    "ht_sine": "HT_SINE",
    "ht_trendmode": "HT_TRENDMODE",
}
_REVERSED = frozenset({"aroon"})
"""Indicators whose outputs TA-Lib gives in the other order."""


def _direct(spec: IndicatorSpec, function: Callable[..., Any]) -> Compute:
    def compute(inputs: Series, params: tuple[float, ...]) -> Series:
        pairs = zip(params, spec.parameters, strict=True)
        values = [int(value) if parameter.integer else float(value) for value, parameter in pairs]
        found = function(*inputs, *values)
        arrays = found if isinstance(found, tuple) else (found,)
        if spec.name in _REVERSED:
            arrays = arrays[::-1]
        outputs = []
        for name, array in zip(spec.output_names, arrays, strict=True):
            series = array.astype(np.float64, copy=False)
            series[: spec.first_value(params, name)] = np.nan  # whole numbers have no undefined value
            outputs.append(series)
        return tuple(outputs)

    return compute


DIRECT: Mapping[str, Compute] = {
    name: _direct(REGISTRY[name], getattr(talib, function)) for name, function in _FUNCTIONS.items()
}
"""How each is computed, by its word."""
