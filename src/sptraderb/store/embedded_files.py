"""What the embedded PostgreSQL is made of on disk: binaries, folders, secrets, the system user.

Everything lies in ``DATA_DIR/postgres``::

    lock             held (flock) by the process that owns the server
    password, port   mode 600, of the owner; what other processes connect with
    cluster/         the data, mode 700, of the system user PostgreSQL runs as
    dist-<version>/  a copy of the binaries, only where that user cannot reach the installed ones
    postgres.log     what the server says
"""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from sptraderb.errors import InvalidInput, Unavailable

_SYSTEM_USERS = ("sptraderb", "nobody")
_LOG_LIMIT_BYTES = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemUser:
    """The user PostgreSQL runs as when we are root, who it refuses to be.

    Parameters
    ----------
    name : str
        ``sptraderb`` where it exists, else ``nobody``.
    uid, gid : int
        Its numbers.
    """

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedFiles:
    """The places of one embedded server.

    Parameters
    ----------
    root : Path
        ``DATA_DIR/postgres``.
    user : SystemUser or None
        Whom the server runs as; None for ourselves.
    """

    root: Path
    user: SystemUser | None

    @property
    def cluster(self) -> Path:
        """The data directory proper."""
        return self.root / "cluster"

    @property
    def lock(self) -> Path:
        """The file whose lock says who owns the server."""
        return self.root / "lock"

    @property
    def log(self) -> Path:
        """What the server writes on its error stream."""
        return self.root / "postgres.log"

    def read_secret(self, name: str) -> str | None:
        """Return ``password`` or ``port``, or None where there is none yet.

        Raises
        ------
        InvalidInput
            If it belongs to another user (``database.data_dir_denied``).
        """
        try:
            return (self.root / name).read_text("utf-8").strip() or None
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise data_dir_denied(self.root / name) from error

    def write_secret(self, name: str, text: str) -> None:
        """Replace ``password`` or ``port`` at once, mode 600."""
        fresh = self.root / f"{name}.new"
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.root / name)

    def give(self, path: Path) -> None:
        """Hand a file or folder to the user the server runs as."""
        if self.user is not None:
            os.chown(path, self.user.uid, self.user.gid)


def prepare_files(data_dir: Path) -> EmbeddedFiles:
    """Make the folders and return them.

    Parameters
    ----------
    data_dir : Path
        ``DATA_DIR``; made if missing.

    Returns
    -------
    EmbeddedFiles
        The places, as absolute paths.

    Raises
    ------
    InvalidInput
        If the folder cannot be made or written (``database.data_dir_denied``).
    Unavailable
        If we are root and there is no user to run as (``database.no_system_user``).
    """
    user = system_user() if os.geteuid() == 0 else None
    root = data_dir.expanduser().resolve() / "postgres"
    made = [path for path in (root, *root.parents) if not path.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        for path in made if user is not None else ():
            path.chmod(0o755)  # whatever the umask: the server's user must get through
    except OSError as error:
        raise data_dir_denied(root) from error
    if not os.access(root, os.W_OK | os.X_OK):
        raise data_dir_denied(root)
    return EmbeddedFiles(root=root, user=user)


def system_user() -> SystemUser:
    """Return the unprivileged user to run as.

    Raises
    ------
    Unavailable
        If neither exists (``database.no_system_user``).
    """
    for name in _SYSTEM_USERS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return SystemUser(name=name, uid=found.pw_uid, gid=found.pw_gid)
    raise Unavailable(
        "database.no_system_user",
        "PostgreSQL must not run as root, and neither user `sptraderb` nor `nobody` exists",
        hint="useradd --system sptraderb, or set DATABASE_URL",
    )


def open_log(files: EmbeddedFiles) -> int:
    """Return a descriptor of the server's log, begun anew when it has grown too long."""
    if files.log.exists() and files.log.stat().st_size > _LOG_LIMIT_BYTES:
        files.log.replace(files.log.with_suffix(".log.old"))
    return os.open(files.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def data_dir_denied(path: Path) -> InvalidInput:
    """Return the error for a folder or file that is not ours."""
    return InvalidInput(
        "database.data_dir_denied",
        f"`DATA_DIR` must be writable by user {os.geteuid()}, {path} is not",
        hint="set DATA_DIR to a folder of your own, or DATABASE_URL to a running PostgreSQL",
    )
