"""A private PostgreSQL for tests, where the machine has the server: on a socket in a folder of its own."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from backdesk.worker.embedded import keeper
from tests.support.eventually import eventually

#: How long the server may take to end when its owner is gone. Seconds.
GRACE_S = 3

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

    def database(self, like: str = "") -> str:
        """Make a database, empty or a copy of the one at a URL that nobody uses, and return its URL."""
        name = f"test_{next(self._names)}"
        template = ["-T", make_url(like).database or ""] if like else []
        self._do("createdb", "-h", str(self._folder), "-U", _USER, *template, name)
        return f"postgresql://{_USER}@/{name}?host={self._folder}"

    def start(self) -> None:
        """Start the server, which ends with this process, however that ends."""
        settings = [f"unix_socket_directories={self._folder}", "listen_addresses=", "fsync=off", "max_connections=50"]
        command = [str(self._programs / "postgres"), "-D", self._data, *(f"--{setting}" for setting in settings)]
        user = [] if os.geteuid() else ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
        owner = [sys.executable, keeper.__file__, str(os.getpid()), str(self._folder), str(GRACE_S)]
        with (self._folder / "log").open("ab") as log:
            self._keeper = subprocess.Popen(
                [*owner, *user, *command], cwd=self._folder, stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        eventually(self._is_ready, what="the answer of PostgreSQL")

    def stop(self) -> None:
        self._do("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._data)
        self._keeper.wait(timeout=60)  # its input stays open till then: at its end it would remove the folder
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()

    def make(self) -> None:
        self._do("initdb", "-D", self._data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync")

    def _is_ready(self) -> bool:
        assert self._keeper.poll() is None, (self._folder / "log").read_text()
        asked = [str(self._programs / "pg_isready"), "-q", "-h", str(self._folder)]
        return subprocess.run(asked, check=False, timeout=100).returncode == 0

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
