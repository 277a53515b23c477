"""Strategies: one name per owner whatever its case, revisions that never change, hiding."""

import asyncio

import pytest

from sptraderb.errors import InvalidInput, NotFound, PreconditionFailed
from sptraderb.store import strategy_rows
from sptraderb.store.pool import Pool
from sptraderb.store.strategy_rows import SavedStrategy, StrategyDraft


async def _save(pool: Pool, name: str = "Ma_Cross", text: str = "a: 1\n", **more: object) -> SavedStrategy:
    owner = str(more.pop("owner", "local"))
    return await strategy_rows.save_strategy(pool, StrategyDraft(name=name, text=text, **more), owner=owner)


async def test_save_strategy_when_text_is_the_same_then_no_revision_is_made(pool: Pool) -> None:
    """New, changed and same are told apart, and only a change makes a revision."""
    first = await _save(pool, description="d", version="1.0")
    same = await _save(pool)
    changed = await _save(pool, text="a: 2\n", valid=False)
    back = await _save(pool, text="a: 1\n")
    assert [saved.outcome for saved in (first, same, changed, back)] == [
        "created",
        "same",
        "changed",
        "changed",
    ]
    assert [saved.strategy.revision for saved in (first, same, changed, back)] == [1, 1, 2, 3]
    assert (first.strategy.description, first.strategy.version) == ("d", "1.0")
    assert not changed.strategy.valid


async def test_save_strategy_when_name_differs_in_case_then_it_is_the_same_strategy(pool: Pool) -> None:
    """`MA_CROSS` is `Ma_Cross`, under the spelling it was first stored with; other owners have their own."""
    await _save(pool)
    saved = await _save(pool, name="MA_CROSS", text="a: 2\n")
    other = await _save(pool, owner="ann")
    assert (saved.strategy.name, saved.strategy.revision) == ("Ma_Cross", 2)
    assert other.strategy.revision == 1
    page = await strategy_rows.list_strategies(pool, owner="local")
    assert [strategy.name for strategy in page.strategies] == ["Ma_Cross"]
    assert page.strategies[0].text is None


async def test_save_strategy_when_two_at_once_then_revisions_follow_each_other(pool: Pool) -> None:
    """Saves of one name go one by one."""
    saved = await asyncio.gather(*(_save(pool, text=f"a: {n}\n") for n in range(5)))
    assert sorted(one.strategy.revision for one in saved) == [1, 2, 3, 4, 5]
    assert [one.outcome for one in saved].count("created") == 1


async def test_save_strategy_when_revision_seen_is_old_then_refused(pool: Pool) -> None:
    """`If-Match` guards against lost updates."""
    await _save(pool)
    await _save(pool, text="a: 2\n")
    draft = StrategyDraft(name="ma_cross", text="a: 3\n")
    with pytest.raises(PreconditionFailed) as caught:
        await strategy_rows.save_strategy(pool, draft, owner="local", expected_revision=1)
    assert caught.value.code == "strategy.changed"
    saved = await strategy_rows.save_strategy(pool, draft, owner="local", expected_revision=2)
    assert saved.strategy.revision == 3


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("schema", "a: 1", "strategy.bad_name"),
        ("../x", "a: 1", "strategy.bad_name"),
        ("ok", "a: \0", "strategy.bad_text"),
    ],
)
async def test_save_strategy_when_unfit_then_refused(pool: Pool, name: str, text: str, code: str) -> None:
    """A name outside the rule, or a character that cannot be kept, is refused."""
    with pytest.raises(InvalidInput) as caught:
        await _save(pool, name=name, text=text)
    assert caught.value.code == code


async def test_hide_strategy_when_hidden_then_only_its_revisions_are_found(pool: Pool) -> None:
    """A hidden strategy is gone from lists and reads; a run still finds its revision."""
    await _save(pool)
    await strategy_rows.hide_strategy(pool, "MA_cross", owner="local")
    with pytest.raises(NotFound):
        await strategy_rows.hide_strategy(pool, "Ma_Cross", owner="local")
    with pytest.raises(NotFound) as caught:
        await strategy_rows.read_strategy(pool, "Ma_Cross", owner="local")
    assert caught.value.code == "strategy.unknown"
    assert (await strategy_rows.list_strategies(pool, owner="local")).strategies == ()
    pinned = await strategy_rows.read_strategy(pool, "Ma_Cross", owner="local", revision=1)
    assert pinned.text == "a: 1\n"
    again = await _save(pool, name="ma_cross", text="a: 2\n")
    assert (again.outcome, again.strategy.name, again.strategy.revision) == ("created", "ma_cross", 2)


async def test_save_strategy_when_folder_changes_alone_then_no_revision_is_made(pool: Pool) -> None:
    """A folder only orders the tree; leaving it out keeps it."""
    await _save(pool, folder="trend")
    assert (await _save(pool)).strategy.folder == "trend"
    moved = await _save(pool, folder="other")
    assert (moved.outcome, moved.strategy.folder, moved.strategy.revision) == ("same", "other", 1)


async def test_list_strategies_when_paged_then_each_comes_once_by_name(pool: Pool) -> None:
    """Pages go by name, ignoring case."""
    names = ["b", "A", "c", "D", "e"]
    for name in names:
        await _save(pool, name=name)
    first = await strategy_rows.list_strategies(pool, owner="local", limit=3)
    second = await strategy_rows.list_strategies(pool, owner="local", limit=3, cursor=first.next_cursor)
    seen = [strategy.name for strategy in (*first.strategies, *second.strategies)]
    assert seen == ["A", "b", "c", "D", "e"]
    assert second.next_cursor is None


async def test_list_revisions_when_paged_then_newest_first(pool: Pool) -> None:
    """All revisions of a strategy, without text; an unknown strategy has none."""
    for number in range(4):
        await _save(pool, text=f"a: {number}\n")
    first = await strategy_rows.list_revisions(pool, "ma_cross", owner="local", limit=3)
    second = await strategy_rows.list_revisions(
        pool, "ma_cross", owner="local", limit=3, cursor=first.next_cursor
    )
    assert [one.revision for one in (*first.strategies, *second.strategies)] == [4, 3, 2, 1]
    with pytest.raises(NotFound):
        await strategy_rows.list_revisions(pool, "none", owner="local")
    with pytest.raises(NotFound) as caught:
        await strategy_rows.read_strategy(pool, "ma_cross", owner="local", revision=9)
    assert caught.value.code == "strategy.unknown_revision"
