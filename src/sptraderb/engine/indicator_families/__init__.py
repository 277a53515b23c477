"""Registry rows by family: pure data, no computation."""
