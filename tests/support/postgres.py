"""A private PostgreSQL for tests, where the machine has the server: on a socket in a folder of its own."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Debian keeps the programs of the server out of the path. The server refuses to run as root, and runs as this one.
_DEBIAN, _USER = Path("/usr/lib/postgresql"), "postgres"


def find_server() -> Path | None:
    """Return the folder of the server's programs, None where there is none that could be started."""
    places = [*sorted(_DEBIAN.glob("*/bin"), reverse=True), *map(Path, os.environ.get("PATH", "").split(os.pathsep))]
    found = next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)
    return found if os.geteuid() or any(user.pw_name == _USER for user in pwd.getpwall()) else None


class Postgres:
    """A server that runs, with as many empty databases as are asked for."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._names = itertools.count(1)

    def database(self) -> str:
        """Make an empty database, and return its URL."""
        name = f"test_{next(self._names)}"
        self._do("createdb", "-h", str(self._folder), "-U", _USER, name)
        return f"postgresql://{_USER}@/{name}?host={self._folder}"

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off -c max_connections=50"
        self._do("pg_ctl", "start", "-w", "-D", self._data, "-o", options, "-l", str(self._folder / "log"))

    def stop(self) -> None:
        self._do("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._data)

    def make(self) -> None:
        self._do("initdb", "-D", self._data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync")

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _do(self, program: str, *arguments: str) -> None:
        user = None if os.geteuid() else _USER
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, check=True, user=user, cwd=self._folder, stdout=subprocess.DEVNULL, timeout=100)


@contextmanager
def postgres(programs: Path) -> Iterator[Postgres]:
    """Run a server while the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="backdesk-postgres-"))
    if not os.geteuid():
        shutil.chown(folder, _USER)
    server = Postgres(programs, folder)
    try:
        server.make()
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
