"""Fakes and builders for tests, shipped with the program; nothing but tests imports them."""
