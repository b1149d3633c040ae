"""What all names have in common."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prefixed:
    """Names for one prefix."""

    prefix: str
