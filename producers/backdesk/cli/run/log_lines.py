"""Shows what processes write to their logs, each line with the name of its process before it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_EVERY_S = 0.2


@contextmanager
def shown_lines(logs: Mapping[str, Path], show: Callable[[str], None]) -> Iterator[None]:
    """Within the block, lines that are added to the logs are shown soon after."""
    ended = threading.Event()
    thread = threading.Thread(target=_follow, args=(logs, show, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _follow(logs: Mapping[str, Path], show: Callable[[str], None], ended: threading.Event) -> None:
    positions = {name: path.stat().st_size if path.exists() else 0 for name, path in logs.items()}
    last_round = False
    while not last_round:
        last_round = ended.wait(_EVERY_S)
        for name, path in logs.items():
            lines, positions[name] = _read(path, positions[name])
            for line in lines:
                show(f"{name} | {line}")


def _read(path: Path, position: int) -> tuple[list[str], int]:
    """Return the complete lines from a position on, and the position after them."""
    if not path.exists() or path.stat().st_size <= position:
        return [], position
    with path.open("rb") as file:
        file.seek(position)
        whole, newline, _ = file.read().rpartition(b"\n")
    return whole.decode(errors="replace").splitlines(), position + len(whole) + len(newline)
