"""A file of letters, one JSON object a line: what happens where nothing else is set."""

from __future__ import annotations

import os
from pathlib import Path

from backdesk.service.notification import Letter

FILE = "notifications.jsonl"


class Outbox:
    """A file in the data folder. Whoever takes letters out of it removes or renames it."""

    name = "outbox"

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def send(self, letter: Letter) -> None:
        """See Channel."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Only for us to read, as customers are in it. One write a line, so that processes do not mix theirs.
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, letter.model_dump_json().encode() + b"\n")
        finally:
            os.close(handle)
