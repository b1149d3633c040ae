"""The server program of a run: the one that would be run anyway, with users of its own and a clock that can be set."""

from __future__ import annotations

import shlex
from pathlib import Path

from backdesk.worker.embedded.server import find_server

#: What workers, producer and clerk are to Redis: a user that may do its work, and nothing to the server.
USER, PASSWORD = "drill", "drill"
RIGHTS = "~* &* +@all -@admin -@dangerous +keys +info +client|no-evict"
#: Where the library that lends a process another clock is: Debian's package libfaketime, installed or unpacked.
_LIBRARIES = ("/usr/lib", str(Path(__file__).parents[2] / ".tools/servers/debian/root/usr/lib"))
_LIBRARY = "*/faketime/libfaketimeMT.so.1"


def make_program(folder: Path) -> Path:
    """Write a script into `folder` that runs the server, and return it; `set_clock` of the folder works on it."""
    users = folder / "users.acl"
    users.write_text(f"user default on nopass ~* &* +@all\nuser {USER} on >{PASSWORD} {RIGHTS}\n")
    set_clock(folder, 0)
    server, library = shlex.quote(str(find_server())), clock_library()
    clock = f"FAKETIME_TIMESTAMP_FILE={shlex.quote(str(_clock(folder)))} FAKETIME_CACHE_DURATION=1"
    env = f"env LD_PRELOAD={library} {clock} FAKETIME_DONT_FAKE_MONOTONIC=1 " if library else ""
    program = folder / "redis-server"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec {server} --version\n'
        f'exec {env}{server} "$@" --aclfile {shlex.quote(str(users))}\n'
    )
    program.chmod(0o755)
    return program


def clock_library() -> Path | None:
    """The library that lends a server another clock, or None where it is not installed."""
    return next((found for place in _LIBRARIES for found in Path(place).glob(_LIBRARY)), None)


def set_clock(folder: Path, ahead_s: float) -> None:
    """Have the clock of the servers that were started with the folder's program be so far ahead, within a second."""
    _clock(folder).write_text(f"+{ahead_s:g}\n")


def _clock(folder: Path) -> Path:
    return folder / "clock"
