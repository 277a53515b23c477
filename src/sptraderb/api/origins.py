"""Which hosts and origins may reach the server: the rules themselves, pure.

In open mode everyone is the owner ``local``, so a web page must not be able to reach the server by
a name of its own (DNS rebinding): ``Host`` must be loopback, the bound address or listed. In every
mode a writing request or WebSocket that carries an ``Origin`` must come from us or a listed origin.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

_WILDCARD_HOSTS = frozenset({"", "0.0.0.0", "::", "[::]"})
_LABEL = r"[A-Za-z0-9-]*"


@dataclass(frozen=True, slots=True)
class OriginRules:
    """The hosts and origins that may use the server.

    Parameters
    ----------
    hosts : frozenset of str
        Host names besides loopback, lower case, without port.
    origins : frozenset of str
        Exact origins such as ``https://app.example.com``, lower case.
    patterns : tuple of re.Pattern
        Origins with one ``*`` inside a label.
    """

    hosts: frozenset[str]
    origins: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]

    def allows_host(self, host_header: str) -> bool:
        """Return whether a ``Host`` header names loopback or a listed host, whatever the port."""
        name = host_name(host_header)
        return name in self.hosts or is_loopback(name)

    def allows_origin(self, origin: str) -> bool:
        """Return whether an ``Origin`` is a listed one."""
        lowered = origin.lower()
        return lowered in self.origins or any(pattern.fullmatch(lowered) for pattern in self.patterns)

    def accepts_writer(self, origin: str, host_header: str) -> bool:
        """Return whether a writing request or WebSocket from this origin may pass: our own or listed."""
        return is_own_origin(origin, host_header) or self.allows_origin(origin)


def origin_rules(*, allowed_hosts: Sequence[str], allowed_origins: Sequence[str], host: str) -> OriginRules:
    """Return the rules of a configuration.

    Parameters
    ----------
    allowed_hosts : sequence of str
        ``ALLOWED_HOSTS``; a port in an entry is ignored.
    allowed_origins : sequence of str
        ``ALLOWED_ORIGINS``: exact, or with one ``*`` inside a label.
    host : str
        The address the server is bound to; allowed as a host unless it means every address.
    """
    names = {host_name(entry) for entry in allowed_hosts}
    if host not in _WILDCARD_HOSTS:
        names.add(host_name(host))
    lowered = [origin.strip().lower().rstrip("/") for origin in allowed_origins if origin.strip()]
    return OriginRules(
        hosts=frozenset(names - {""}),
        origins=frozenset(origin for origin in lowered if "*" not in origin),
        patterns=tuple(_origin_pattern(origin) for origin in lowered if "*" in origin),
    )


def host_name(host_header: str) -> str:
    """Return a ``Host`` header's name without port, lower case; IPv6 without brackets.

    Examples
    --------
    >>> host_name("LocalHost:3001"), host_name("[::1]:3001"), host_name("::1")
    ('localhost', '::1', '::1')
    """
    text = host_header.strip().lower()
    if text.startswith("["):
        return text[1:].split("]", 1)[0]
    if text.count(":") == 1:
        text = text.split(":", 1)[0]
    return text.rstrip(".")


def is_loopback(name: str) -> bool:
    """Return whether a host name means this machine: ``localhost``, 127.0.0.0/8 or ::1."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_own_origin(origin: str, host_header: str) -> bool:
    """Return whether an origin is the very host and port the request was sent to.

    The scheme may differ: a proxy that ends TLS passes the request on as plain HTTP.
    """
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        return False
    return parts.netloc.lower() == host_header.strip().lower()


def _origin_pattern(origin: str) -> re.Pattern[str]:
    return re.compile(_LABEL.join(re.escape(part) for part in origin.split("*")))
