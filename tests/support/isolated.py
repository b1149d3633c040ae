"""The levels of isolation that a test is made at, and a folder beside which a secret lies."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backdesk.platform.tool_settings import settings_of
from backdesk.tools.isolation import levels
from backdesk.tools.isolation.launch import Level
from backdesk.tools.isolation.levels import why_not

#: What a file says, and how another is called, of which no program may learn.
SECRET, NAME = "the-crown-jewels-are-green", "in-the-left-drawer"


def levels_here() -> list[Level]:
    """Those that this machine has. Each is really tried."""
    return [level for level in Level if asyncio.run(why_not(level)) is None]


def isolating_levels_here() -> list[Level]:
    """Those among them that hold programs back which may do what they like."""
    return [level for level in levels_here() if level > Level.limits]


def only(level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the machine be one that has no better level."""
    for better in Level:
        if better > level:
            monkeypatch.setitem(levels._tried, better, "left out in this test")
    monkeypatch.setenv("BACKDESK_SANDBOX_LEAST", level.name)
    settings_of.cache_clear()


@contextmanager
def open_place() -> Iterator[Path]:
    """A folder into which every user may look, other than those that pytest makes."""
    with tempfile.TemporaryDirectory(prefix="backdesk-test-") as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "secret.txt").write_text(SECRET)
        (place / "secret.txt").chmod(0o644)
        (place / NAME).mkdir()
        yield place


def plant(folder: Path, secret: Path) -> None:
    """Put into a folder what leads out of it, and a few files that do not."""
    (folder / "notes").mkdir()
    for name, text in (("report.txt", "sales rose\n"), ("notes/day.txt", "rain\n"), ("-f", "odd\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    (folder / "link").symlink_to(secret)
    (folder / "near").symlink_to(Path("..") / ".." / ".." / ".." / secret.name)
    (folder / "above").symlink_to(secret.parent)
    (folder / "root").symlink_to("/")
    (folder / "loop").symlink_to("loop")
    (folder / "chain").symlink_to("link")
    (folder / "notes" / "out").symlink_to(secret.parent)
    os.mkfifo(folder / "pipe")
