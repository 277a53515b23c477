"""Fill profiles: how orders fill, as data; one loop reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A fill profile: a frozen record of choices, not a second loop.

    Parameters
    ----------
    name : str
        What a request calls it.
    """

    name: str = "strict"


STRICT = Profile()
PROFILES: Mapping[str, Profile] = MappingProxyType({profile.name: profile for profile in (STRICT,)})
"""Every profile by name, the default first."""
