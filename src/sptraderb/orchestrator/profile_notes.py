"""What a result says of the profiles it was run with."""

from sptraderb.domain.backtest import BacktestRequest
from sptraderb.domain.plan import Note
from sptraderb.domain.profile import PROFILES


def optimistic_notes(request: BacktestRequest) -> tuple[Note, ...]:
    """Return what to say where a profile named fills at prices that nobody could have had (T1).

    Parameters
    ----------
    request : BacktestRequest
        Names its profiles; unknown ones are refused elsewhere.
    """
    names = (request.profile, *request.more_profiles)
    named = [name for name in names if name in PROFILES and PROFILES[name].is_optimistic]
    if not named:
        return ()
    text = f"Optimistic: {', '.join(named)} fills at the close that decides, which nobody could trade at."
    return (Note(code="profile.optimistic", text=text),)
