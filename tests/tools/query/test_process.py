"""Queries in their process: what they return and measure, and what bounds them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from backdesk.tools.query import engine, process
from backdesk.tools.query.metrics import profiled
from backdesk.tools.query.order import (
    FAILED,
    OUT_OF_MEMORY,
    OVER_ESTIMATE,
    TIMED_OUT,
    TOO_LARGE,
    Answer,
    Order,
    QueryFailed,
    Source,
)
from tests.support.eventually import eventually

NUMBERS = Source("numbers", "made", made_by="SELECT i, i % 10 AS k, 'name' || i AS name FROM range(100000) t(i)")
ENDLESS = "SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE hash(a.range) = hash(b.range + 1)"


def order(folder: Path, sql: str, *sources: Source, **bounds: object) -> Order:
    return Order(sql, sources or (NUMBERS,), str(folder), **bounds)  # type: ignore[arg-type]


def ask(folder: Path, sql: str, *sources: Source, **bounds: object) -> Answer:
    """Run it in this process."""
    return engine.run(order(folder, sql, *sources, **bounds), lambda _: None)


def test_a_query_in_its_process_returns_rows_types_and_what_was_measured(tmp_path: Path) -> None:
    answer = process.run(order(tmp_path, "SELECT k, count(*) AS n FROM numbers GROUP BY k ORDER BY k"), lambda _: None)
    assert (answer.rows, answer.columns) == (10, [{"name": "k", "type": "BIGINT"}, {"name": "n", "type": "BIGINT"}])
    assert answer.preview[0] == {"k": 0, "n": 10_000}
    assert json.loads(Path(answer.file).read_text())[9] == {"k": 9, "n": 10_000}
    assert answer.metrics["rows_read"] == 100_000
    assert (answer.metrics["peak_memory_bytes"] or 0) > 10_000_000
    assert 0 < (answer.metrics["cpu_s"] or 0) <= answer.seconds * 3
    assert answer.estimate["rows_read"] == 100_000


def test_bytes_that_were_read_are_those_of_the_columns_that_were_asked_for(tmp_path: Path) -> None:
    wide = ask(tmp_path, "SELECT i, i % 10 AS k, repeat('x' || i, 9) AS t FROM numbers", format="parquet")
    file = Path(wide.file).rename(tmp_path / "wide.parquet")
    source = Source("wide", "parquet", (str(file),))
    narrow = ask(tmp_path, "SELECT sum(k) FROM wide", source).metrics["bytes_read"]
    whole = ask(tmp_path, "SELECT sum(i), sum(k), sum(length(t)) FROM wide", source).metrics["bytes_read"]
    assert 0 < (narrow or 0) < (whole or 0) <= file.stat().st_size * 1.1


def test_what_a_profile_does_not_tell_is_null() -> None:
    class Silent:
        def get_profiling_information(self) -> str:
            return "{}"

    assert set(profiled(Silent()).values()) == {None}  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_a_result_is_written_in_its_format_and_reads_back(tmp_path: Path, form: str) -> None:
    answer = ask(tmp_path, "SELECT i, name, NULL AS nothing FROM numbers WHERE i < 50", format=form)
    assert answer.file_bytes == Path(answer.file).stat().st_size > 0
    if form == "json":
        assert len(json.loads(Path(answer.file).read_text())) == 50
    else:
        back = Source("back", form, (answer.file,))  # type: ignore[arg-type]
        (tmp_path / "again").mkdir()
        assert ask(tmp_path / "again", "SELECT count(*) AS n, max(i) AS i FROM back", back).preview == [
            {"n": 50, "i": 49}
        ]


def test_what_is_no_number_is_null_in_json(tmp_path: Path) -> None:
    answer = ask(tmp_path, "SELECT 'nan'::DOUBLE AS a, 'inf'::FLOAT AS b, 1.5::DOUBLE AS c")
    assert answer.preview == json.loads(Path(answer.file).read_text()) == [{"a": None, "b": None, "c": 1.5}]


def test_a_preview_is_short_in_rows_and_in_each_of_its_values(tmp_path: Path) -> None:
    answer = ask(tmp_path, "SELECT i, repeat('y', 5000) AS t, range(1000) AS l FROM numbers LIMIT 50")
    assert len(answer.preview) <= 20
    assert all(len(row["t"]) < 510 and len(row["l"]) < 510 for row in answer.preview)
    assert len(json.dumps(answer.preview)) < 20_000


@pytest.mark.parametrize(
    ("sql", "bounds", "code"),
    [
        ("SELECT * FROM numbers", {"max_rows": 99_999}, TOO_LARGE),
        ("SELECT i, repeat('x', 100) FROM numbers", {"max_result_mb": 1}, TOO_LARGE),
        ("SELECT * FROM numbers a, numbers b", {"max_estimated_rows": 1_000_000}, OVER_ESTIMATE),
        (ENDLESS, {"timeout_s": 0.3}, TIMED_OUT),
        ("SELECT CAST(name AS INTEGER) FROM numbers", {}, FAILED),
    ],
)
def test_a_query_that_is_over_a_bound_fails_by_its_name(
    tmp_path: Path, sql: str, bounds: dict[str, object], code: str
) -> None:
    with pytest.raises(QueryFailed) as failed:
        ask(tmp_path, sql, **bounds)
    assert failed.value.code == code
    assert str(tmp_path) not in failed.value.message


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT length(repeat('x', 4000000000))",
        "SELECT len(list_resize([1], 1000000000))",
        "SELECT count(DISTINCT i * 700 + j) FROM numbers, range(700) r(j)",
    ],
)
def test_memory_that_a_query_would_need_beyond_its_bound_it_does_not_get(tmp_path: Path, sql: str) -> None:
    with pytest.raises(QueryFailed) as failed:
        process.run(order(tmp_path, sql, memory_mb=128, spill_mb=0), lambda _: None)
    assert failed.value.code == OUT_OF_MEMORY


def test_the_time_is_over_even_for_what_duckdb_does_not_interrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_GRACE_S", -0.7)
    began = time.monotonic()
    with pytest.raises(QueryFailed) as failed:
        process.run(order(tmp_path, ENDLESS, timeout_s=1.0), lambda _: None)
    assert failed.value.code == TIMED_OUT
    assert time.monotonic() - began < 15


def test_what_is_told_rises_and_stays_within_one(tmp_path: Path) -> None:
    told: list[float] = []
    sql = "SELECT count(DISTINCT hash(i || 'a')) FROM range(1500000) t(i)"
    engine.run(order(tmp_path, sql), told.append)
    assert told == sorted(told)
    assert all(0 < each <= 1 for each in told)


def test_whoever_leaves_a_query_ends_its_process(tmp_path: Path) -> None:
    class Left(Exception):
        pass

    def leave(_: float) -> None:
        raise Left

    before = _engines()
    with pytest.raises(Left):
        process.run(order(tmp_path, "SELECT count(DISTINCT hash(i)) FROM range(300000000) t(i)"), leave)
    assert _engines() == before


def test_a_query_ends_with_the_process_that_has_asked_it(tmp_path: Path) -> None:
    """As when a worker is killed: nobody is left who would end it."""
    program = (
        "import sys; from backdesk.tools.query import process; from backdesk.tools.query.order import Order;"
        "process.run(Order(sys.argv[1], (), sys.argv[2], timeout_s=300.0), print)"
    )
    asking = subprocess.Popen([sys.executable, "-c", program, ENDLESS, str(tmp_path)])
    try:
        eventually(lambda: _engines(asking.pid), what="the process of the query")
        engines = _engines(asking.pid)
    finally:
        asking.kill()
        asking.wait()
    eventually(lambda: not any(Path(f"/proc/{each}/cmdline").exists() for each in engines), what="its end")


def test_the_process_of_a_query_has_nothing_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-queries")
    found: list[bytes] = []

    def look() -> None:
        eventually(lambda: _engines(os.getpid()), what="the process of the query")
        found.extend(Path(f"/proc/{each}/environ").read_bytes() for each in _engines(os.getpid()))

    looking = threading.Thread(target=look)
    looking.start()
    with pytest.raises(QueryFailed):
        process.run(order(tmp_path, ENDLESS, timeout_s=1.0), lambda _: None)
    looking.join()
    assert found
    assert b"sk-not-for-queries" not in b"".join(found)


def _engines(parent: int | None = None) -> set[int]:
    """The processes of queries that run, of a parent or of anybody."""
    listed = subprocess.run(  # -ww: not cut to the columns of whoever runs the tests
        ["ps", "-ww", "-eo", "pid,ppid,stat,args"], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 3) for line in listed.splitlines()[1:]]
    return {
        int(pid)
        for pid, ppid, state, args in rows
        if "backdesk.tools.query.engine" in args and not state.startswith("Z") and parent in (None, int(ppid))
    }
