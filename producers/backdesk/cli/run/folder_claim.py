"""One `backdesk up` a folder: the file `up.json` is locked while it runs, and says where it is.

The lock ends with its process, however that ends; the file that it leaves behind means nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from backdesk.cli.errors import CommandFailed, ExitCode

_FILE = "up.json"


class Claim:
    """A folder that is ours. `last_url` is where Redis was the last time, "" if unknown."""

    def __init__(self, file: IO[str], last_url: str) -> None:
        self._file = file
        self.last_url = last_url

    def write(self, url: str) -> None:
        """Write down where our Redis is, for whoever finds the folder taken."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(json.dumps({"pid": os.getpid(), "redis": url}) + "\n")
        self._file.flush()


@contextmanager
def claimed(data_dir: Path) -> Iterator[Claim]:
    """Hold the folder within the block; raises CommandFailed, naming the holder, when it is taken."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / _FILE).open("a+") as file:
        holder = _read(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(data_dir, holder) from None
        claim = Claim(file, str(holder.get("redis", "")))
        claim.write(claim.last_url)
        yield claim


def _read(file: IO[str]) -> dict[str, Any]:
    file.seek(0)
    with suppress(ValueError, TypeError):
        return dict(json.loads(file.read()))
    return {}


def _taken(data_dir: Path, holder: dict[str, Any]) -> CommandFailed:
    where = f" as process {holder['pid']}, with Redis at {holder['redis']}" if holder.get("redis") else ""
    sentence = f"`backdesk up` runs in {data_dir.resolve()} already{where}; stop it there with Ctrl-C"
    return CommandFailed("already_running", sentence, ExitCode.REFUSED)
