"""Recorded answers of the sources, for where none is configured. They are made up, and of no day."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from backdesk.kinds.briefing.contract import Section


def sample_bytes(name: str) -> bytes:
    """Return a recorded answer as it came."""
    return files(__package__).joinpath(name).read_bytes()


def read_sample(name: str) -> Any:
    """Return a recorded answer of JSON."""
    return json.loads(sample_bytes(f"{name}.json"))


def sampled(section: Section) -> Section:
    """Return a section marked as recorded data."""
    return section.model_copy(update={"sample": True, "source": f"sample data in the form of {section.source}"})
