"""A process's way to its blobs: the store, opened when it is first needed, and threads that wait for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from backdesk.worker.address import NO_BLOBS
from backdesk.worker.errors import BlobError, ConfigurationError
from backdesk.worker.settings import Settings

if TYPE_CHECKING:
    from backdesk.worker.blobs.store import BlobStore

T = TypeVar("T")

#: Blobs that are written and read at once; each holds a few megabytes.
_THREADS = 4
_OFF = "this takes a store of blobs, and BACKDESK_BLOBS_URL is off"


class BlobAccess:
    """The blobs of one process. Costs nothing until one is written or read: then `identify` names the deployment."""

    def __init__(self, settings: Settings, identify: Callable[[], str]) -> None:
        self._settings = settings
        self._identify = identify

    @cached_property
    def store(self) -> BlobStore:
        """The store; raises BlobError where there is none, or a library is missing, and what `identify` raises."""
        if self._settings.blobs_url == NO_BLOBS:
            raise BlobError(_OFF)
        from backdesk.worker.blobs.opening import open_blobs  # noqa: PLC0415 - most processes need no blobs

        try:
            return open_blobs(self._settings, self._identify())
        except ConfigurationError as error:
            raise BlobError(str(error)) from error

    def submit(self, work: Callable[[BlobStore], T]) -> Future[T]:
        """Do something with the store in a thread, and return at once."""
        return self._threads.submit(lambda: work(self.store))

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_THREADS, "blobs")

    def close(self) -> None:
        """Wait for what is under way. Idempotent."""
        if "_threads" in vars(self):
            self._threads.shutdown()
