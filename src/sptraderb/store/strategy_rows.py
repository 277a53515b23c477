"""Rows of ``strategies`` and ``strategy_revisions``: a name per owner, revisions that never change."""

from dataclasses import dataclass
from typing import Literal

from sptraderb.domain.workspace import Strategy, require_strategy_name
from sptraderb.errors import InvalidInput, NotFound, PreconditionFailed
from sptraderb.store.page_cursor import read_number, read_word, require_limit, write_number, write_word
from sptraderb.store.pool import Connection, Database, Row, require_row, transaction
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("strategy_rows")


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyDraft:
    """A strategy text on its way into the store.

    Parameters
    ----------
    name : str
        As `domain.workspace.require_strategy_name` allows.
    text : str
        YAML.
    folder : str or None
        One level, or empty; None leaves what is stored.
    description, version : str
        From the document.
    valid : bool
        Whether it compiles.
    """

    name: str
    text: str
    folder: str | None = None
    description: str = ""
    version: str = ""
    valid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedStrategy:
    """What a save did.

    Parameters
    ----------
    strategy : Strategy
        As stored now, with its text.
    outcome : {'created', 'changed', 'same'}
        ``same`` where the text was the current one: no revision was made.
    """

    strategy: Strategy
    outcome: Literal["created", "changed", "same"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyPage:
    """One page of strategies or of one's revisions, without text.

    Parameters
    ----------
    strategies : tuple of Strategy
        The page.
    next_cursor : str or None
        Cursor of the next page; None on the last.
    """

    strategies: tuple[Strategy, ...]
    next_cursor: str | None


async def save_strategy(
    database: Database, draft: StrategyDraft, *, owner: str, expected_revision: int | None = None
) -> SavedStrategy:
    """Store a strategy text as a new immutable revision, unless it is the current one.

    Parameters
    ----------
    database : Pool or Connection
        Where to write.
    draft : StrategyDraft
        What to store, checked by the caller.
    owner : str
        Whose it is.
    expected_revision : int, optional
        The revision the caller has seen (``If-Match``).

    Returns
    -------
    SavedStrategy
        What is stored now. A hidden strategy of that name is seen again, as ``created``.

    Raises
    ------
    InvalidInput
        ``strategy.bad_name``; ``strategy.bad_text`` for a character PostgreSQL cannot keep (NUL).
    PreconditionFailed
        If the current revision is another (``strategy.changed``).
    """
    require_strategy_name(draft.name)
    if "\0" in draft.text:
        raise InvalidInput("strategy.bad_text", "a strategy text must not hold the character NUL, it does")
    async with transaction(database) as connection:
        row = require_row(await connection.fetchrow(_QUERIES["take_strategy"], owner, draft.name))
        is_new = row["current_revision"] == 0 or row["hidden_at"] is not None
        _require_revision(0 if is_new else row["current_revision"], expected_revision)
        revision, is_same = await _add_revision(connection, row, draft)
        folder = row["folder"] if draft.folder is None else draft.folder
        await connection.execute(_QUERIES["settle_strategy"], row["id"], revision, folder)
        stored = await read_strategy(connection, draft.name, owner=owner)
    return SavedStrategy(strategy=stored, outcome="created" if is_new else "same" if is_same else "changed")


async def read_strategy(
    database: Database, name: str, *, owner: str, revision: int | None = None
) -> Strategy:
    """Return a strategy with its text.

    Parameters
    ----------
    database : Pool or Connection
        Where to read.
    name : str
        Which, whatever its case.
    owner : str
        Whose.
    revision : int, optional
        Which revision, found also where the strategy is hidden; the current one if not given.

    Returns
    -------
    Strategy
        As stored.

    Raises
    ------
    NotFound
        ``strategy.unknown``, ``strategy.unknown_revision``.
    """
    if revision is None:
        row = await database.fetchrow(_QUERIES["read_strategy"], owner, name)
        if row is None:
            raise _unknown(name)
    else:
        row = await database.fetchrow(_QUERIES["read_revision"], owner, name, revision)
        if row is None:
            raise NotFound("strategy.unknown_revision", f"strategy `{name}` has no revision {revision}")
    return _from_row(row)


async def list_strategies(
    database: Database, *, owner: str, limit: int | None = None, cursor: str | None = None
) -> StrategyPage:
    """Return a page of an owner's strategies by name, without text.

    Raises
    ------
    InvalidInput
        ``cursor.invalid``, ``limit.invalid``.
    """
    n_rows = require_limit(limit)
    rows = await database.fetch(_QUERIES["list_strategies"], owner, read_word(cursor), n_rows + 1)
    found = tuple(_from_row(row) for row in rows[:n_rows])
    more = len(rows) > n_rows
    return StrategyPage(strategies=found, next_cursor=write_word(found[-1].name.lower()) if more else None)


async def list_revisions(
    database: Database, name: str, *, owner: str, limit: int | None = None, cursor: str | None = None
) -> StrategyPage:
    """Return a page of a strategy's revisions, newest first, without text.

    Raises
    ------
    InvalidInput
        ``cursor.invalid``, ``limit.invalid``.
    NotFound
        ``strategy.unknown``.
    """
    n_rows = require_limit(limit)
    rows = await database.fetch(_QUERIES["list_revisions"], owner, name, read_number(cursor), n_rows + 1)
    if not rows and cursor is None:
        raise _unknown(name)
    found = tuple(_from_row(row) for row in rows[:n_rows])
    more = len(rows) > n_rows
    return StrategyPage(strategies=found, next_cursor=write_number(found[-1].revision) if more else None)


async def hide_strategy(database: Database, name: str, *, owner: str) -> None:
    """Take a strategy out of lists; its revisions stay, for the runs that used them.

    Raises
    ------
    NotFound
        ``strategy.unknown``.
    """
    if await database.fetchval(_QUERIES["hide_strategy"], owner, name) is None:
        raise _unknown(name)


async def _add_revision(connection: Connection, row: Row, draft: StrategyDraft) -> tuple[int, bool]:
    current = row["current_revision"]
    if current and await connection.fetchval(_QUERIES["current_text"], row["id"], current) == draft.text:
        return current, True
    revision = current + 1
    await connection.execute(
        _QUERIES["insert_revision"],
        row["id"],
        revision,
        draft.text,
        draft.description,
        draft.version,
        draft.valid,
    )
    return revision, False


def _require_revision(current: int, expected: int | None) -> None:
    if expected is not None and expected != current:
        raise PreconditionFailed(
            "strategy.changed",
            f"the strategy must be at revision {expected}, was at {current}",
            hint="read it again and repeat the change",
        )


def _unknown(name: str) -> NotFound:
    return NotFound("strategy.unknown", f"no strategy has the name `{name[:120]}`", strategy=name[:120])


def _from_row(row: Row) -> Strategy:
    return Strategy(
        name=row["name"],
        folder=row["folder"],
        description=row["description"],
        version=row["version"],
        revision=row["revision"],
        text=row["text"],
        valid=row["valid"],
        updated_at=row["created_at"],
    )
