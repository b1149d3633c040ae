"""The folder of a job, in which its programs find themselves: made when it is needed, gone when its attempt ends.

It stands below the data folder by tenant and job, under names that tell of neither. What a crash has left behind goes
when the next attempt needs one here, or when it is old. What a program has left in it is
handled as made by an enemy: no link is followed, and no depth is too great.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from backdesk.platform.tool_settings import settings_of
from backdesk.tools.isolation.settings import SandboxSettings

if TYPE_CHECKING:
    from backdesk.tools.isolation.program import SandboxLimits

_NAME = "sandbox"
#: How often a process looks for old folders. Seconds.
SWEEP_EVERY_S = 60.0
_swept: dict[Path, float] = {}
#: What `stat` counts in. Bytes.
_BLOCK = 512
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Size:
    """What is in a folder, as far as it was counted."""

    files: int
    bytes: int

    def within(self, limits: SandboxLimits) -> bool:
        """Whether a program may go on with it."""
        return self.files <= limits.folder_files and self.bytes <= limits.folder_mb * 1024**2


class JobFolder:
    """The folder of an attempt at a job of a tenant, below a data folder; `purpose` tells those of one job apart.

    Each attempt has its own: one that was given up might still be at its end.
    """

    def __init__(self, data: Path, tenant: str, job: str, purpose: str, attempt: int) -> None:
        self._job = _hashed(f"{job}\0{purpose}")
        self.path = data.absolute() / _NAME / _hashed(tenant) / f"{self._job}-{attempt}"

    def make(self) -> Path:
        """Make it, without what other attempts at the job have left here, if it is not there; note that it is used."""
        root = self.path.parent.parent
        for folder in (root, self.path.parent):  # nobody else has anything to look for there
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.path.exists():
            for left in self.path.parent.glob(f"{self._job}-*"):
                remove(left)
        self.path.mkdir(mode=0o755, exist_ok=True)
        os.utime(self.path)
        return self.path

    def put(self, name: str, data: bytes) -> None:
        """Put a file into it, whole or not at all. Its name is one: no path."""
        if name != Path(name).name or name in {"", ".", ".."}:
            raise ValueError(f"{name!r} is no name of a file")
        unfinished = self.path / f".{uuid4().hex}"
        unfinished.write_bytes(data)
        unfinished.chmod(0o644)
        unfinished.replace(self.path / name)

    def remove(self) -> None:
        """Remove it, if it is there."""
        remove(self.path)


def sweep(data: Path, keep_s: float, now: float | None = None) -> int:
    """Remove the folders of jobs that were not used for so long, and return how many there were."""
    oldest = (time.time() if now is None else now) - keep_s
    old = [path for path in (data.absolute() / _NAME).glob("*/*") if _used_at(path) < oldest]
    for path in old:
        remove(path)
    return len(old)


def sweep_at_times(data: Path) -> None:
    """Sweep, unless this process has done so within the last minute."""
    if (now := time.monotonic()) >= _swept.get(data, float("-inf")) + SWEEP_EVERY_S:
        _swept[data] = now
        sweep(data, settings_of(SandboxSettings).keep_s)


def size_of(folder: Path, most_files: int) -> Size:
    """Count what is in a folder, up to a little more than so many files; where nobody can look counts as too many."""
    files = taken = 0
    try:
        for _, entry in _walk(folder, most_files + 2, all_of_it=True):
            files += 1
            # A file can take more of a disk than it says to be long, and say to be longer than it is.
            taken += max(entry.st_size, entry.st_blocks * _BLOCK)
    except OSError:
        files = most_files + 1
    return Size(files, taken)


def files_in(folder: Path, most_files: int) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the regular files in a folder, by their names in it, up to so many; no link, no pipe."""
    for name, found in sorted(_walk(folder, most_files), key=lambda each: each[0]):
        if stat.S_ISREG(found.st_mode):
            yield name, found


def read_file(folder: Path, name: str, most_bytes: int) -> bytes | None:
    """Return a regular file in a folder; None for anything else, for what lies behind a link, and for more bytes."""
    fd = os.open(folder, _OPEN | os.O_DIRECTORY)
    try:
        for part in Path(name).parts:
            above, fd = fd, os.open(part, _OPEN, dir_fd=fd)
            os.close(above)
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > most_bytes:
            return None
        with open(fd, "rb", closefd=False) as file:
            data = file.read(most_bytes + 1)
        return data if len(data) <= most_bytes else None
    except OSError:
        return None
    finally:
        os.close(fd)


def remove(folder: Path) -> None:
    """Remove a folder, however deep it is. Idempotent."""
    # Neither a path, nor a stack of calls, nor the number of open files grows with the depth.
    try:
        here = os.open(folder, _OPEN | os.O_DIRECTORY)
    except OSError:
        return
    levels = [("", _emptied(here))]
    while levels:
        name, below = levels[-1]
        if below:
            child = below.pop()
            here = _exchanged(here, child)
            levels.append((child, _emptied(here)))
            continue
        levels.pop()
        if levels:
            here = _exchanged(here, "..")
            os.rmdir(name, dir_fd=here)
    os.close(here)
    folder.rmdir()


def _exchanged(here: int, name: str) -> int:
    """Close a folder, and return another one that is named from there."""
    try:
        return os.open(name, _OPEN | os.O_DIRECTORY, dir_fd=here)
    finally:
        os.close(here)


def _emptied(folder: int) -> list[str]:
    """Remove all but the folders from a folder, and return the names of these."""
    os.fchmod(folder, 0o700)
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if is_folder:
            os.chmod(name, 0o700, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in found if is_folder]


def _walk(folder: Path, most: int, *, all_of_it: bool = False) -> Iterator[tuple[str, os.stat_result]]:
    """Yield what is in a folder, up to so much, as it is at that moment; what goes away meanwhile is left out.

    So is what lies too deep for a path, or is closed to this user; if it is to be `all_of_it`, that raises OSError.
    """
    waiting, seen = [""], 0
    left_out = (FileNotFoundError, NotADirectoryError) if all_of_it else OSError
    while waiting:
        below = waiting.pop()
        try:
            entries = os.scandir(folder / below)
        except left_out:
            continue
        with entries:
            for entry in entries:
                try:
                    found = entry.stat(follow_symlinks=False)
                except left_out:
                    continue
                seen += 1
                if seen > most:
                    return
                name = f"{below}/{entry.name}" if below else entry.name
                if stat.S_ISDIR(found.st_mode):
                    waiting.append(name)
                yield name, found


def _used_at(folder: Path) -> float:
    try:
        return folder.lstat().st_mtime
    except OSError:
        return time.time()


def _hashed(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]
