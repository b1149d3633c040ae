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
import ctypes, time
ctypes.CDLL(None).prctl(15, b"{marker}", 0, 0, 0)
time.sleep(50)
"""


def test_code_does_not_outlive_its_worker_or_its_job(tmp_path: Path) -> None:
    env = {"BACKDESK_TASK_MODULES": TASKS, "BACKDESK_CODE_TOOL": "1", "BACKDESK_CODE_SECONDS": "60"}
    with Fleet(tmp_path, data_dir=tmp_path / "data") as fleet:
        worker = fleet.start_worker("tools", slots=1, **env)
        cancelled, marker = begun(fleet)
        asked = time.monotonic()
        fleet.board.run(fleet.board.transitions.cancel(cancelled, "enough"))
        eventually(lambda: not named(marker), what="the end of the code")
        assert time.monotonic() - asked < 3, "which is mostly what it takes until the worker hears of it"
        eventually(lambda: fleet.board.record(cancelled).done, what="the end of the job")
        assert fleet.board.state(cancelled) == JobState.CANCELLED
        _, marker = begun(fleet)
        worker.kill()
        eventually(lambda: not named(marker), 2, what="the end of the code with its worker")


def begun(fleet: Fleet) -> tuple[str, str]:
    """A job whose code runs, and what that calls itself."""
    marker = f"c-{uuid4().hex[:12]}"
    job = fleet.jobs.submit("code.run", {"code": CODE.format(marker=marker)}).id
    eventually(lambda: named(marker), what="the code")
    return job, marker


def named(marker: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            if path.read_text().strip() == marker:
                found.append(path.parent.name)
    return found
