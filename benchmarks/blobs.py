"""What it costs to keep and to read a blob in a folder, in the clear and encrypted, beside a bare file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from backdesk.worker.address import KEY_BYTES
from backdesk.worker.blobs.folder import Folder
from backdesk.worker.blobs.sealing import Keyring
from backdesk.worker.blobs.store import BlobStore
from benchmarks.line import Line
from benchmarks.plan import Plan

MIB = 1024 * 1024
SIZE = 64 * MIB
BARE = "bare file, fsync"
#: Enough for a cold first write not to be what is measured.
_WARM_UPS = 1


def blobs(plan: Plan) -> list[Line]:
    """Megabytes a second of one blob of 64 MiB, hashed as it goes by, written durably and read with its check."""
    data = os.urandom(plan.of(SIZE))
    with TemporaryDirectory(prefix="backdesk-bench-") as folder:
        taken = [_once(Path(folder), data) for _ in range(_WARM_UPS + plan.repeat)][_WARM_UPS:]
    return [
        _line(taken, f"{what} a blob{', encrypted' if sealed else ''}", f"{what}{sealed}", f"bare {what}")
        for what in ("put", "get")
        for sealed in ("", " sealed")
    ]


def _once(folder: Path, data: bytes) -> dict[str, float]:
    """Take each turn once, one right after the other."""
    rates = {"bare put": _rate(data, lambda: _write(folder / "bare", data))}
    rates["bare get"] = _rate(data, (folder / "bare").read_bytes)
    for mark, keys in (("", []), (" sealed", [bytes(KEY_BYTES)])):
        store = BlobStore(Folder(folder / f"store{mark}"), Keyring(keys), len(data), bytes(8).hex())
        refs = []
        rates[f"put{mark}"] = _rate(data, lambda: refs.append(store.put(data, tenant="t", job="j")))  # noqa: B023 - called at once
        rates[f"get{mark}"] = _rate(data, lambda: store.read(refs[0], "t"))  # noqa: B023 - as above
    return rates


def _rate(data: bytes, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return len(data) / MIB / (time.perf_counter() - began)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _line(taken: list[dict[str, float]], title: str, ours: str, theirs: str) -> Line:
    return Line(
        "blobs",
        title,
        "MiB/s",
        [each[ours] for each in taken],
        BARE,
        [each[theirs] for each in taken],
        better="higher",
    )
