"""Ids as clients of OpenAI know them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

from backdesk.worker.errors import JobNotFound

#: A job id may itself end like a number of a run: ids that are made here are UUIDs.
_RESPONSE = re.compile(r"^resp_(?P<job>.+?)(?:_(?P<run>[1-9][0-9]{0,5}))?$")


class ResponseId(NamedTuple):
    """A response: the nth run of a job, from 1. A run ends when the job asks something, and with the job."""

    job_id: str
    run: int = 1

    def __str__(self) -> str:
        return f"resp_{self.job_id}" + (f"_{self.run}" if self.run > 1 else "")

    @classmethod
    def read(cls, text: str) -> ResponseId:
        """Return what an id names. Raises JobNotFound for what is none."""
        found = _RESPONSE.fullmatch(text)
        if found is None:
            raise JobNotFound(text)
        return cls(found["job"], int(found["run"] or 1))


def ask_id(mark: str, name: str) -> str:
    """Return the id of an ask as an item; `mark` is how ids of its type begin."""
    return mark + base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def ask_name(mark: str, text: object) -> str | None:
    """Return the name of the ask that an id stands for, None for another's id."""
    if not isinstance(text, str) or not text.startswith(mark):
        return None
    coded = text.removeprefix(mark)
    try:
        return base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
