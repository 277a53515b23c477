"""The strategy language: text becomes a plan, purely; every fault comes with its place."""
