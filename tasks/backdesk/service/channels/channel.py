"""The one interface of channels."""

from __future__ import annotations

from typing import Protocol

from backdesk.service.notification import Letter


class Channel(Protocol):
    """A way out. Safe to use by several threads."""

    @property
    def name(self) -> str:
        """Name it among those of its audience; no address, which may hold a secret."""

    def send(self, letter: Letter) -> None:
        """Send a letter. A repetition after a lost answer sends it again under the same id.

        Raises what says whether another attempt could succeed: OSError, an error with an HTTP `status`, TaskError.
        """
