"""Folding a recording as a dialect does, to be compared with what is kept of that.

Run as a module it writes what is kept anew: look at the difference.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backdesk.gateway.dialects.agui.fold import AguiFold
from backdesk.gateway.dialects.ui_stream.fold import UiFold
from backdesk.gateway.turns import Part, TurnReader
from tests.gateway.golden.record import NAMES, load
from tests.support.talking import CHAT

HERE = Path(__file__).parent
#: Into how many runs the asks of a recording divide it.
RUNS = {"job": 3, "failed": 1, "cancelled": 1}


def parts_of(name: str) -> list[Part]:
    """Return the parts of a recorded job's turn."""
    events, record = load(name)
    reader = TurnReader(CHAT)
    return [part for event in events for part in reader.read(event, record.result)]


def agui(name: str, run: int) -> list[Any]:
    """Return the events of one run."""
    fold = AguiFold("thread-1", f"run-{run}", f"recorded-{name}", run, [{"id": "m1", "role": "user", "content": "?"}])
    return [fold.begun(), *(event for part in parts_of(name) for event in fold.read(part))]


def ui(name: str, run: int) -> list[Any]:
    """Return the chunks of one run, as a client gets them that has those before."""
    fold = UiFold(f"recorded-{name}", run, again=run > 1)
    return [*fold.begun(), *(chunk for part in parts_of(name) for chunk in fold.read(part))]


FOLDS: dict[str, Callable[[str, int], list[Any]]] = {"agui": agui, "ui": ui}


def kept(dialect: str, name: str, run: int) -> Path:
    """Return the file of what a run comes to in a dialect."""
    return HERE / f"{name}.{dialect}.{run}.jsonl"


def lines(frames: list[Any]) -> str:
    """Return frames as they are kept."""
    return "".join(json.dumps(frame, default=str) + "\n" for frame in frames)


if __name__ == "__main__":
    for recording in NAMES:
        for number in range(1, RUNS[recording] + 1):
            for dialect, fold_of in FOLDS.items():
                kept(dialect, recording, number).write_text(lines(fold_of(recording, number)))
