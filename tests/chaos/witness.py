"""What the bodies really did, written down by themselves in a database that knows nothing of jobs stores and fences.

One SQLite file for all processes. Each write is a transaction of its own, so a process that is killed leaves what it
had done and nothing else. The file need not survive the machine, only the processes: nothing is synced.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE attempts (id INTEGER PRIMARY KEY, job TEXT, attempt INT, pid INT, born INT, started REAL, ended REAL);
CREATE TABLE runs (id INTEGER PRIMARY KEY, job TEXT, step TEXT, effect TEXT, attempt INT, pid INT,
                   started REAL, ended REAL);
CREATE TABLE charges (id INTEGER PRIMARY KEY, job TEXT, step TEXT, attempt INT, pid INT, at REAL);
CREATE TABLE entries (key TEXT PRIMARY KEY, value INT, times INT);
CREATE TABLE finishes (job TEXT, attempt INT, at REAL);
CREATE TABLE hiccups (id INTEGER PRIMARY KEY, job TEXT, key TEXT);
CREATE INDEX runs_of ON runs (job, step);
CREATE INDEX charges_of ON charges (job, step);
CREATE INDEX attempts_of ON attempts (job, attempt);
CREATE INDEX hiccups_of ON hiccups (job, key);
"""
#: A process that is frozen inside a write holds up all others for as long.
PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """A body that began; `ended` is None when it was killed."""

    job: str
    attempt: int
    pid: int
    born: int
    started: float
    ended: float | None


@dataclass(frozen=True, slots=True)
class RunRow:
    """One execution of a step."""

    id: int
    job: str
    step: str
    effect: str
    attempt: int
    pid: int
    started: float
    ended: float | None


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """An effect that must not happen twice."""

    job: str
    step: str
    attempt: int
    pid: int
    at: float


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An effect under a key: repeated, it stays one; `times` says how often it was asked for."""

    key: str
    value: int
    times: int


class Witness:
    """The database of one run. Safe to use by threads: each has its own connection, until it is closed by any."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []

    def create(self) -> Witness:
        """Make the tables."""
        self._connection().executescript(SCHEMA)
        return self

    def close(self) -> None:
        """Close the connections of all threads, which use it no more. Idempotent."""
        while self._opened:
            self._opened.pop().close()

    # --- what bodies write ---

    def begin_attempt(self, job: str, attempt: int) -> int:
        """Note that a body begins, and in which process."""
        facts = (job, attempt, os.getpid(), born(os.getpid()), time.time())
        return self._insert("INSERT INTO attempts (job, attempt, pid, born, started) VALUES (?, ?, ?, ?, ?)", *facts)

    def end_attempt(self, row: int) -> None:
        """Note that a body has ended, and does nothing more."""
        self._insert("UPDATE attempts SET ended = ? WHERE id = ?", time.time(), row)

    def finish(self, job: str, attempt: int) -> None:
        """Note that a body has come to its end with nothing left to do."""
        self._insert("INSERT INTO finishes VALUES (?, ?, ?)", job, attempt, time.time())

    def begin_run(self, job: str, step: str, effect: str, attempt: int) -> int:
        """Note that a step begins."""
        facts = (job, step, effect, attempt, os.getpid(), time.time())
        sql = "INSERT INTO runs (job, step, effect, attempt, pid, started) VALUES (?, ?, ?, ?, ?, ?)"
        return self._insert(sql, *facts)

    def end_run(self, row: int) -> None:
        """Note that a step has run to its end."""
        self._insert("UPDATE runs SET ended = ? WHERE id = ?", time.time(), row)

    def charge(self, job: str, step: str, attempt: int) -> None:
        """Have the effect of an unsafe step: each call is one more."""
        sql = "INSERT INTO charges (job, step, attempt, pid, at) VALUES (?, ?, ?, ?, ?)"
        self._insert(sql, job, step, attempt, os.getpid(), time.time())

    def enter(self, key: str, value: int) -> None:
        """Have the effect of an idempotent step: the first call counts, all others are counted."""
        sql = "INSERT INTO entries VALUES (?, ?, 1) ON CONFLICT (key) DO UPDATE SET times = times + 1"
        self._insert(sql, key, value)

    def hiccup(self, job: str, key: str, times: int) -> bool:
        """Whether something is to go wrong once more: true for the first so many calls."""
        so_far = "(SELECT COUNT(*) FROM hiccups WHERE job = ? AND key = ?)"
        sql = f"INSERT INTO hiccups (job, key) SELECT ?, ? WHERE {so_far} < ?"
        return self._connection().execute(sql, (job, key, job, key, times)).rowcount == 1

    # --- what is read ---

    def attempts(self, job: str | None = None) -> list[AttemptRow]:
        """The bodies that began, of one job or of all."""
        return [AttemptRow(*row) for row in self._rows("job, attempt, pid, born, started, ended", "attempts", job)]

    def runs(self, job: str | None = None) -> list[RunRow]:
        """The executions of steps."""
        columns = "id, job, step, effect, attempt, pid, started, ended"
        return [RunRow(*row) for row in self._rows(columns, "runs", job)]

    def charges(self, job: str | None = None) -> list[ChargeRow]:
        """The effects of unsafe steps."""
        return [ChargeRow(*row) for row in self._rows("job, step, attempt, pid, at", "charges", job)]

    def entries(self) -> list[EntryRow]:
        """The effects of idempotent steps."""
        return [EntryRow(*row) for row in self._connection().execute("SELECT key, value, times FROM entries")]

    def finished(self) -> set[str]:
        """The jobs of which a body has come to its end."""
        return {job for (job,) in self._connection().execute("SELECT DISTINCT job FROM finishes")}

    def _rows(self, columns: str, table: str, job: str | None) -> list[Any]:
        sql = f"SELECT {columns} FROM {table} WHERE ? IS NULL OR job = ? ORDER BY id"  # noqa: S608 - names of our own
        return self._connection().execute(sql, (job, job)).fetchall()

    def _insert(self, sql: str, *values: Any) -> int:
        return self._connection().execute(sql, values).lastrowid or 0

    def _connection(self) -> sqlite3.Connection:
        known: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if known is None:
            known = self._local.connection = sqlite3.connect(
                self._path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False
            )
            self._opened.append(known)
            known.execute("PRAGMA synchronous = OFF")
        return known


def born(pid: int) -> int:
    """When a process began, in ticks since the machine did; 0 when there is none. Tells it from a later one."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def lives(pid: int, since: int) -> bool:
    """Whether a process still runs (or is frozen): a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return int(stat[19]) == since and stat[0] != "Z"
