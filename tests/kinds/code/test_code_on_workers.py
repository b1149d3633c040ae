"""Code on real workers that are killed, and jobs that are cancelled."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from backdesk.worker.model.job import JobState
from tests.support.eventually import eventually
from tests.support.workers import Fleet

TASKS = "backdesk.kinds.code.kind"
#: A program may call itself what it likes: so it is found.
CODE = """
import ctypes, pathlib, time
ctypes.CDLL(None).prctl(15, b"{marker}", 0, 0, 0)
time.sleep({seconds})
"slept"
"""


def test_code_does_not_outlive_its_worker_or_its_job(tmp_path: Path) -> None:
    env = {"BACKDESK_TASK_MODULES": TASKS, "BACKDESK_CODE_TOOL": "1", "BACKDESK_CODE_SECONDS": "60"}
    with Fleet(tmp_path, data_dir=tmp_path / "data", lease_s=3.0, max_crashes=10) as fleet:
        first, second = (fleet.begin_worker("tools", slots=1, **env) for _ in range(2))
        fleet.wait_for(first)
        marker = f"c-{uuid4().hex[:12]}"
        job = fleet.jobs.submit("code.run", {"code": CODE.format(marker=marker, seconds=3)}).id
        eventually(lambda: named(marker), what="the code")
        fleet.wait_for(second)
        by = fleet.board.record(job).worker
        began = named(marker)
        next(worker for worker in (first, second) if by and by.startswith(worker.name)).kill()
        eventually(lambda: not set(began) & set(named(marker)), 2, what="the end of the code")
        eventually(lambda: fleet.board.record(job).done, what="the end of the job")
        record = fleet.board.record(job)
        assert (record.result["result"], record.attempt) == ("slept", 2)
        assert named(marker) == []
        cancelled = fleet.jobs.submit("code.run", {"code": CODE.format(marker=marker, seconds=50)}).id
        eventually(lambda: named(marker), what="the other code")
        asked = time.monotonic()
        fleet.board.run(fleet.board.transitions.cancel(cancelled, "enough"))
        eventually(lambda: not named(marker), what="the end of the other code")
        assert time.monotonic() - asked < 3
        eventually(lambda: fleet.board.record(cancelled).done, what="the end of the other job")
        assert fleet.board.state(cancelled) == JobState.CANCELLED


def named(marker: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            if path.read_text().strip() == marker:
                found.append(path.parent.name)
    return found
