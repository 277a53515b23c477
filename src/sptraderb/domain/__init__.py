"""Values: pure, immutable, without I/O; every other layer speaks in them."""
