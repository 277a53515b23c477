"""Jitted loops: int64 money and prices, float64 series; they return codes and never raise."""
