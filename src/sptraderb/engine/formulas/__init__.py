"""How the families of indicators are computed, from TA-Lib and NumPy."""
