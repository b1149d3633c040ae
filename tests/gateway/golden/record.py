"""Records the jobs that the dialects are held to: real ones, of a real worker and Redis.

    python -m tests.gateway.golden.record

A recording is the events of a job, as JSON lines, and the record that it has left, with ids, workers and times that are
the same each time. What is told of the store and the timing differs from one run to the next in nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backdesk.client import JobClient
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobRecord
from tests.support.workers import Fleet

HERE = Path(__file__).parent
MESSAGE = {"message": "Where is my money for order 10003?", "conversation_id": "thread-1"}
KINDS = {"job": "golden.desk", "failed": "golden.fail", "cancelled": "golden.slow"}
NAMES = tuple(KINDS)
#: When the recorded jobs began; each event is a second after the one before.
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_MEASURED = {"worker", "delay_s", "seconds", "run_at", "expires_at"}
_CLOCK = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)")


def load(name: str) -> tuple[list[JobEvent], JobRecord]:
    """Return one of the `NAMES`: its events, and its record."""
    lines = (HERE / f"{name}.jsonl").read_text().splitlines()
    record = JobRecord.model_validate_json((HERE / f"{name}.record.json").read_text())
    return [JobEvent.model_validate_json(line) for line in lines], record


def main() -> None:
    """Record all of them anew."""
    with TemporaryDirectory() as folder, Fleet(Path(folder)) as fleet:
        fleet.start_worker("agents")
        with JobClient(fleet.url, settings=fleet.settings) as client:
            for name in NAMES:
                # Followed before it is written, so that it streams from its first word.
                with fleet.redis.pubsub() as following:
                    following.subscribe(fleet.board.keys.progress(f"recorded-{name}"))
                    _record(client, name)
                _write(name, client, f"recorded-{name}")


def _record(client: JobClient, name: str) -> None:
    """Have a job run to its end, as whoever it asks would have it."""
    job = client.submit(KINDS[name], MESSAGE, job_id=f"recorded-{name}")
    said = 0
    for event in client.watch(job.id):
        asked = {each["name"] for each in event.data["for"]} if event.type == "waiting" else set()
        said += event.type == "token"
        if "refund" in asked:
            client.approve(job.id, by="Kim", note="seen")
        elif "method" in asked:
            client.answer(job.id, "card", by="Kim")
        elif name == "cancelled" and said == 2:
            client.cancel(job.id, "no longer wanted")


def _write(name: str, client: JobClient, job_id: str) -> None:
    events = [json.loads(event.model_dump_json()) for event in client.events(job_id)]
    record = json.loads(client.get(job_id).model_dump_json())
    ids = {each: f"child-{n}" for n, each in enumerate(client.children(job_id), 1)}
    lines = [json.dumps(_normal(event, ids)) for event in _apart(events)]
    (HERE / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    (HERE / f"{name}.record.json").write_text(json.dumps(_normal(record, ids), indent=1) + "\n")
    print(f"{name}: {len(lines)} events")


def _apart(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(events):
        yield {**event, "at": (BEGAN + timedelta(seconds=number)).isoformat()}


def _normal(value: Any, ids: dict[str, str], name: str = "") -> Any:
    """Return a value of JSON without what is another at each run."""
    if isinstance(value, dict):
        return {_named(key, ids): _normal(each, ids, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_normal(each, ids, name) for each in value]
    if name in _MEASURED or name.endswith("_s"):
        return _settled(value, name)
    if isinstance(value, str):
        known = _named(value, ids)
        return known if name == "at" else _CLOCK.sub(BEGAN.isoformat(), known)
    return value


def _settled(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return "worker-1" if name == "worker" else BEGAN.isoformat()
    return value if value is None else 1.0


def _named(text: str, ids: dict[str, str]) -> str:
    for id_, ours in ids.items():
        text = text.replace(id_, ours)
    return text


if __name__ == "__main__":
    main()
