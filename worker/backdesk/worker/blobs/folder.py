"""Blobs in a folder. Each is written beside the others and renamed, so that a crash leaves a whole one or none."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from backdesk.worker.blobs.objects import CHUNK, Kept
from backdesk.worker.errors import BlobStoreUnavailable

#: Where objects are written that are not kept yet; the name of no tenant.
_INCOMING = ".incoming"
#: What a crash has left there is removed after this.
_STALE_S = 86_400


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

    def list(self, prefix: str) -> Iterator[Kept]:
        for folder, below, names in os.walk(self.root / prefix):
            if _INCOMING in below:
                below.remove(_INCOMING)
            for path in (Path(folder, name) for name in names):
                with suppress(FileNotFoundError), _told(self.where, lets=FileNotFoundError):
                    found = path.stat()
                    yield Kept(path.relative_to(self.root).as_posix(), found.st_size, found.st_mtime)

    def delete(self, key: str) -> None:
        with suppress(FileNotFoundError), _told(self.where, lets=FileNotFoundError):
            if key.endswith("/"):
                shutil.rmtree(self.root / key)
            else:
                (self.root / key).unlink()

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
            _make(target.parent)
            try:
                self._made.replace(target)
            except FileNotFoundError:  # the job was forgotten meanwhile, and its folder with it
                _make(target.parent)
                self._made.replace(target)
            _sync(target.parent)


def _private(path: Path) -> BinaryIO:
    """Make a file that nobody else can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "wb")


def _make(directory: Path) -> None:
    """Make a directory and those above it, none of which anybody else can read."""
    if not directory.is_dir():
        directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory.mkdir(mode=0o700, exist_ok=True)
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
