"""Blobs in a folder. Each is written beside the others and renamed, so that a crash leaves a whole one or none."""

from __future__ import annotations

import errno
import os
import shutil
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR
from typing import BinaryIO
from uuid import uuid4

from backdesk.worker.blobs.objects import CHUNK, Kept
from backdesk.worker.errors import BlobStoreUnavailable

#: Where objects are written that are not kept yet; the name of no tenant.
_INCOMING = ".incoming"
#: What a crash has left there is removed after this.
_STALE_S = 86_400
#: Of making a folder that others remove as it is empty.
_TRIES = 10


class Folder:
    """A directory, which is made when something is written: for its owner alone, as requests are private."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.where = self.root.as_uri()

    @contextmanager
    def incoming(self) -> Iterator[_File]:
        made = self.root / _INCOMING / uuid4().hex
        with _told(self.where):
            _make(made.parent)
            file = _private(made)
        try:
            with file:
                yield _File(self, made, file)
        finally:
            made.unlink(missing_ok=True)

    def read(self, key: str) -> Iterator[bytes]:
        with _told(self.where, lets=FileNotFoundError), (self.root / key).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def copy(self, key: str, to: str) -> None:
        with self.incoming() as copied:
            for chunk in self.read(key):
                copied.write(chunk)
            copied.keep(to, {})

    def list(self, prefix: str, after: str = "") -> Iterator[Kept]:
        yield from self._below(prefix, after.removeprefix(prefix).split("/") if after else [])

    def _below(self, prefix: str, after: Sequence[str]) -> Iterator[Kept]:
        """Give what is in a folder and in those below, by the names on the way; `after` is a way within it."""
        for name in self._names(prefix, after):
            on_the_way = after[1:] if after and name == after[0] else []
            with suppress(FileNotFoundError), _told(self.where, lets=FileNotFoundError):
                found = os.stat(f"{self.root}/{prefix}{name}")  # noqa: PTH116 - a Path for each of a million takes longer
                if S_ISDIR(found.st_mode):
                    yield from self._below(f"{prefix}{name}/", on_the_way)
                elif [name] != after:
                    yield Kept(f"{prefix}{name}", found.st_size, found.st_mtime)

    def _names(self, prefix: str, after: Sequence[str]) -> Sequence[str]:
        names: Sequence[str] = ()
        with suppress(FileNotFoundError), _told(self.where, lets=FileNotFoundError):
            names = sorted(os.listdir(f"{self.root}/{prefix}"))  # noqa: PTH208 - as above
        return names[bisect_left(names, after[0]) :] if after else names

    def folders(self) -> Sequence[str]:
        return [name for name in self._names("", []) if name != _INCOMING]

    def delete(self, key: str) -> None:
        with suppress(FileNotFoundError), _told(self.where, lets=FileNotFoundError):
            if key.endswith("/"):
                shutil.rmtree(self.root / key)
            else:
                (self.root / key).unlink()
        self._remove_empty((self.root / key).parent)

    def _remove_empty(self, folder: Path) -> None:
        """Remove the folders that nothing is left in. Who writes there just now makes them again."""
        while folder != self.root and folder.is_relative_to(self.root):
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    def link(self, key: str, seconds: int) -> str | None:
        """Return None: a file has no address that ends."""

    def tidy(self) -> None:
        """Remove what processes that crashed have left half written."""
        for path in (self.root / _INCOMING).glob("*"):
            with suppress(FileNotFoundError), _told(self.where, lets=FileNotFoundError):
                if path.stat().st_mtime < time.time() - _STALE_S:
                    path.unlink()


class _File:
    """An object that is being written."""

    def __init__(self, folder: Folder, made: Path, file: BinaryIO) -> None:
        self._folder = folder
        self._made = made
        self._file = file

    def write(self, data: bytes, /) -> None:
        with _told(self._folder.where):
            self._file.write(data)

    def keep(self, key: str, headers: Mapping[str, str]) -> None:
        """As every place does; a file has no headers."""
        target = self._folder.root / key
        with _told(self._folder.where):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._appear(target)
            _sync(target.parent)

    def _appear(self, target: Path) -> None:
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):  # what was there was forgotten meanwhile, and its folders with it
                _make(target.parent)
                self._made.replace(target)
                return
        raise FileNotFoundError(errno.ENOENT, "the folder is removed again and again", str(target.parent))


def _private(path: Path) -> BinaryIO:
    """Make a file that nobody else can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "wb")


def _make(directory: Path) -> None:
    """Make a directory and those above it, none of which anybody else can read."""
    if not directory.is_dir():
        _make(directory.parent)
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700)
        _sync(directory.parent)


def _sync(directory: Path) -> None:
    """Have the names in a directory survive a loss of power."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def _told(where: str, lets: type[OSError] | tuple[()] = ()) -> Iterator[None]:
    """Tell of what the system refuses as of a store that cannot be used; `lets` is for the caller to handle."""
    try:
        yield
    except lets:
        raise
    except OSError as error:
        raise BlobStoreUnavailable(f"the blobs at {where} cannot be used: {error.strerror or error}") from error
