"""What an operator allows of users' Python. Light: the API asks before it accepts a run."""

from dataclasses import dataclass

from sptraderb.domain.plan import Plan
from sptraderb.errors import InvalidInput

MODES = ("off", "confined", "trusted")
"""``confined``: only where the system can keep a component from files and the network. ``trusted``: limits
alone, for an operator who wrote every component."""
MUST_HOLD = ("files", "network")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentPolicy:
    """What the operator allows.

    Parameters
    ----------
    mode : str
        One of `MODES`.
    folder : str
        Where components lie, as ``NAME.py``.
    memory_bytes : int
        Address space of the process.
    cpu_s : int
        Processor seconds of one component, its replays included.
    """

    mode: str = "off"
    folder: str = ""
    memory_bytes: int = 2 << 30
    cpu_s: int = 60


OFF = ComponentPolicy()


def require_allowed(plan: Plan, policy: ComponentPolicy) -> None:
    """Refuse a plan that names Python where the operator does not allow it.

    Raises
    ------
    InvalidInput
        ``python.not_enabled``.
    """
    if plan.components and policy.mode == "off":
        raise InvalidInput(
            "python.not_enabled",
            f"a strategy's Python must be allowed on this server, `{plan.components[0].name}` names some",
            hint="the operator sets USER_PYTHON=confined and USER_PYTHON_DIR",
        )
