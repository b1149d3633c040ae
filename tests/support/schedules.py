"""Schedules in a test's hands: kept and fired by short calls, under a clock that the test sets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from backdesk.worker.model.job import JobRecord
from backdesk.worker.model.schedule import Schedule, ScheduleRecord
from backdesk.worker.store.calls import text
from backdesk.worker.store.schedules import RipeSchedule, ScheduleCalls, ScheduleCode, read_schedule
from tests.support.board import Board, Clock


def schedule(name: str = "tick", **fields: Any) -> Schedule:
    """A definition; by the minute unless it is said otherwise."""
    when: dict[str, Any] = {} if "cron" in fields else {"every_s": 60}
    return Schedule(**{"name": name, "kind": "test.echo", "request": {"text": "hello"}, **when, **fields})


class Shelf:
    """The schedules of one deployment."""

    def __init__(self, board: Board, clock: Clock) -> None:
        self.board = board
        self.clock = clock
        self.calls = ScheduleCalls(board.settings, clock)

    def keep(self, kept: Schedule | None = None, *, paused: bool = False, replace: bool = False) -> ScheduleCode:
        kept = kept or schedule()
        first_ms = kept.recurrence(self.clock()).after(self.clock())
        return self.board.run(self.calls.keep(kept, self.clock(), first_ms, paused=paused, replace=replace))[0]

    def ripe(self, most: int = 50) -> list[RipeSchedule]:
        return self.board.run(self.calls.ripe(most))[1]

    def pause(self, name: str = "tick") -> bool:
        return self.board.run(self.calls.pause(name))

    def resume(self, name: str = "tick") -> bool:
        """Resume it as it stands."""
        generation, planned = self.board.client.hmget(self.board.keys.schedule(name), "generation", "next")
        read_ms = int(planned) if planned else None
        return self.board.run(self.calls.resume(name, text(generation or b""), read_ms, read_ms))

    def remove(self, name: str = "tick") -> bool:
        return self.board.run(self.calls.remove(name))

    def find(self, name: str = "tick") -> ScheduleRecord | None:
        keys, client = self.board.keys, self.board.client
        fields: dict[Any, Any] = client.hgetall(keys.schedule(name))
        definition: Any = client.hget(keys.schedules, name)
        last = fields.get(b"last_job")
        state: Any = client.hget(keys.job(text(last)), "state") if last else None
        return read_schedule(definition, fields, state) if definition else None

    def record(self, name: str = "tick") -> ScheduleRecord:
        record = self.find(name)
        assert record is not None, f"no schedule {name}"
        return record

    def jobs(self) -> list[JobRecord]:
        """The jobs of schedules, by the moments that they were planned for."""
        keys = self.board.client.scan_iter(self.board.keys.job("*"))
        records = [self.board.record(text(key).removeprefix(self.board.keys.job(""))) for key in keys]
        return sorted(records, key=lambda job: str(job.metadata["schedule"]["planned_at"]))

    def moments(self) -> list[str]:
        """The moments for which there are jobs, as times of day in UTC."""
        return [planned(job) for job in self.jobs()]


def planned(job: JobRecord) -> str:
    return datetime.fromisoformat(job.metadata["schedule"]["planned_at"]).astimezone(UTC).strftime("%H:%M:%S")
