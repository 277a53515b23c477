"""The oracle: the same run in Decimal and plain loops, to check the engine against (M7)."""
