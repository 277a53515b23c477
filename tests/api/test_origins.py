"""Which hosts and origins may reach the server."""

import pytest

from sptraderb.api.origins import host_name, is_own_origin, origin_rules

RULES = origin_rules(
    allowed_hosts=("bt.example.com:443",),
    allowed_origins=("https://app.example.com", "https://my-*.vercel.app"),
    host="0.0.0.0",
)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("LOCALHOST:3001", True),
        ("127.0.0.1:3001", True),
        ("127.8.8.8", True),
        ("[::1]:3001", True),
        ("bt.example.com", True),
        ("BT.example.com.:3001", True),
        ("evil.com", False),
        ("localhost.evil.com", False),
        ("127.0.0.1.evil.com", False),
        ("0.0.0.0", False),
        ("", False),
    ],
)
def test_host_when_checked_then_loopback_and_listed_pass(host: str, allowed: bool) -> None:
    """Loopback and listed hosts pass with any port; names that only look so do not."""
    assert RULES.allows_host(host) is allowed


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.example.com", True),
        ("https://APP.example.com", True),
        ("http://app.example.com", False),
        ("https://app.example.com:8443", False),
        ("https://my-branch-7.vercel.app", True),
        ("https://my-.vercel.app", True),
        ("https://my-evil.com/.vercel.app", False),
        ("https://my-a.b.vercel.app", False),
        ("https://my-x.vercel.app.evil.com", False),
        ("null", False),
        ("", False),
    ],
)
def test_origin_when_listed_or_matching_one_label_then_allowed(origin: str, allowed: bool) -> None:
    """A star stands for part of one label, never for a dot."""
    assert RULES.allows_origin(origin) is allowed


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://localhost:3001", "localhost:3001", True),
        ("https://localhost:3001", "localhost:3001", True),
        ("http://localhost:3000", "localhost:3001", False),
        ("http://evil@localhost:3001", "localhost:3001", False),
        ("ftp://localhost:3001", "localhost:3001", False),
        ("http://[::1", "[::1", False),
        ("null", "localhost:3001", False),
    ],
)
def test_own_origin_when_host_and_port_are_ours_then_true(origin: str, host: str, own: bool) -> None:
    """Our own pages may write; another port is another page."""
    assert is_own_origin(origin, host) is own


def test_bound_address_when_specific_then_it_is_a_known_host() -> None:
    """A server bound to one address may be asked by that address."""
    rules = origin_rules(allowed_hosts=(), allowed_origins=(), host="192.168.1.5")
    assert rules.allows_host("192.168.1.5:3001")
    assert not rules.allows_host("192.168.1.6:3001")


def test_host_name_when_ipv6_then_brackets_and_port_go() -> None:
    """IPv6 literals lose brackets and port."""
    assert host_name("[2001:db8::1]:80") == "2001:db8::1"
