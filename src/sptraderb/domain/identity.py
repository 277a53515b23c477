"""Who asks: an owner and what the credentials allow."""

from dataclasses import dataclass

SCOPES = frozenset({"read", "run", "write", "import", "admin"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The caller of a request.

    Parameters
    ----------
    owner : str
        Id under which runs, strategies and workspaces are kept.
    scopes : frozenset of str
        Subset of `SCOPES`.
    """

    owner: str
    scopes: frozenset[str] = SCOPES


LOCAL = Identity(owner="local")
"""Everyone, in open mode."""
