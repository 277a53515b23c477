"""The throw-away PostgreSQL of the tests themselves."""

import shutil
import tempfile
from pathlib import Path

import pytest

from sptraderb.store.embedded import open_embedded
from sptraderb.testing.database import FOLDER_PREFIX, DatabaseServer, sweep_orphans


def test_create_database_when_asked_twice_then_each_is_its_own(database_server: DatabaseServer) -> None:
    """Two tests never meet in one database."""
    first, second = database_server.create_database(), database_server.create_database(migrated=False)
    assert first != second
    for url in (first, second):
        database_server.drop_database(url)


async def test_sweep_orphans_when_lock_is_held_then_left_when_free_then_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What a killed test session left is removed, what a living one uses is not."""
    folder = Path(tempfile.mkdtemp(prefix="sptraderb-sweep-"))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    folder.chmod(0o755)
    used = folder / f"{FOLDER_PREFIX}used"
    used.mkdir()
    async with await open_embedded(used):
        sweep_orphans()
        assert used.is_dir()
    sweep_orphans()
    assert not used.exists()
    shutil.rmtree(folder)
