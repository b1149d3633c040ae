"""Exports: what is in the files, that they are the same after any crash, and that they tell truly how far they are."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import duckdb
import pytest

import backdesk.kinds.export.kind  # noqa: F401 - registers the kind
from backdesk.kinds.export import files, sources
from backdesk.kinds.export.contract import ExportResult
from backdesk.kinds.export.duck import duckdb_source
from backdesk.kinds.export.meter import Meter
from backdesk.kinds.export.rows import RowPage
from backdesk.kinds.export.sources import Key, Reader, Source, Type
from backdesk.testing import Bench, BenchJob, sandbox
from backdesk.worker.errors import ConfigurationError

TYPES: dict[str, Type] = {
    "number": "integer",
    "name": "text",
    "share": "number",
    "open": "boolean",
    "day": "date",
    "at": "timestamp",
}
ROWS = [
    (1, "plain", 0.5, True, date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (2, '=HYPERLINK("http://evil.example";"x")', -1.25, False, None, None),
    (3, 'a "quoted", text\nof two lines', None, None, date(1850, 1, 1), datetime(2026, 1, 2, 3, 4, 5)),  # noqa: DTZ001 - as SQLite has them
    (4, "+49 30 1234", 1e300, True, date(2026, 12, 31), None),
    (5, "-2+3", 0.0, False, None, None),
    (6, "@SUM(A1)", 1.0, True, None, None),
    (7, "\t=1", 1.0, True, None, None),
    (8, "ünï\uff1d", 1.0, True, None, None),
    (9, "\uff1d1+1", 1.0, True, None, None),
    (10, None, 1.0, True, None, None),
]


class Numbers:
    """Rows of which each tenant has its own: those of `acme`, or none."""

    def __init__(self, rows: Sequence[tuple[Any, ...]], tenant: str, columns: Sequence[str]) -> None:
        self._rows = rows if tenant == "acme" else []
        self._places = [list(TYPES).index(name) for name in columns]
        self._types = {name: TYPES[name] for name in columns}

    def count(self) -> int:
        return len(self._rows)

    def pages(self, after: Key, size: int) -> Generator[RowPage]:
        left = [row for row in self._rows if after is None or row[0] > after]
        for start in range(0, len(left), size):
            page = left[start : start + size]
            yield RowPage(self._types, [[row[place] for place in self._places] for row in page], page[-1][0])


@pytest.fixture
def bench(tmp_path: Path, seeded: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    def opened(tenant: str, columns: Sequence[str]) -> Reader:
        return Numbers(ROWS, tenant, columns)

    monkeypatch.setitem(sources._SOURCES, "numbers", lambda: Source(TYPES, opened))
    with Bench(blobs_url=(tmp_path / "blobs").as_uri()) as bench, sandbox(seeded.read_bytes()):
        yield bench


def export(bench: Bench, **request: Any) -> tuple[BenchJob, ExportResult, bytes]:
    job = bench.run("report.export", {"source": "numbers", **request}, tenant="acme")
    assert job.state == "succeeded", job.error
    return job, job.result, content(bench, job.result.sha256)


def content(bench: Bench, sha256: str) -> bytes:
    found = [data for data in kept(bench) if hashlib.sha256(data).hexdigest() == sha256]
    assert found, "no file has this checksum"
    return found[0]


def kept(bench: Bench) -> list[bytes]:
    folder = Path(str(bench.settings.blobs_url).removeprefix("file://"))
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_csv_has_all_rows_and_no_formula_of_anybody(bench: Bench) -> None:
    _, result, data = export(bench, rows_per_part=3)
    header, *rows = csv.reader(io.StringIO(data.decode()))
    assert header == result.columns == list(TYPES)
    assert [row[1] for row in rows] == [
        "plain",
        """'=HYPERLINK("http://evil.example";"x")""",
        'a "quoted", text\nof two lines',
        "'+49 30 1234",
        "'-2+3",
        "'@SUM(A1)",
        "'\t=1",
        "ünï\uff1d",
        "'\uff1d1+1",
        "",
    ]
    assert rows[0][2:] == ["0.5", "true", "2026-01-02", "2026-01-02T03:04:05+00:00"]
    assert rows[1][2:] == ["-1.25", "false", "", ""]
    assert (result.rows, result.bytes, result.file.bytes) == (10, len(data), len(data))


def test_texts_are_left_as_they_are_where_that_is_asked_for(bench: Bench) -> None:
    data = export(bench, escape_formulas=False, columns=["name", "number"])[2]
    header, *rows = csv.reader(io.StringIO(data.decode()))
    assert header == ["name", "number"]
    assert rows[3] == ["+49 30 1234", "4"]


def test_parquet_has_the_types_of_the_source(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "numbers.parquet"
    path.write_bytes(export(bench, format="parquet", rows_per_part=4)[2])
    with duckdb.connect() as connection:
        table = connection.read_parquet(str(path)).order("number")
        assert list(map(str, table.types)) == ["BIGINT", "VARCHAR", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"]
        rows = table.fetchall()
    assert [row[1] for row in rows] == [row[1] for row in ROWS]
    assert rows[0] == (1, "plain", 0.5, True, date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5))  # noqa: DTZ001 - UTC
    assert rows[2][2:5] == (None, None, date(1850, 1, 1))


def test_a_workbook_has_texts_for_texts_and_no_formula(bench: Bench) -> None:
    data = export(bench, format="xlsx", rows_per_part=4)[2]
    with ZipFile(io.BytesIO(data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "=HYPERLINK(&quot;" in sheet or '=HYPERLINK("' in sheet
    assert "http" not in book.namelist()
    assert '<c r="A2"><v>1</v></c>' in sheet
    assert '<c r="D2" t="b"><v>1</v></c>' in sheet
    assert "1850-01-01" in sheet  # which no spreadsheet reckons with


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx"])
def test_the_file_is_the_same_whenever_the_worker_dies(bench: Bench, form: str) -> None:
    expected = export(bench, format=form, rows_per_part=4)[1].sha256
    for after in itertools.count():
        request = {"source": "numbers", "format": form, "rows_per_part": 4}
        job = bench.submit("report.export", request, tenant="acme")
        died = bench.lose(job, after=after)
        bench.go_on(job)
        assert job.result.sha256 == expected
        assert job.result.rows == len(ROWS)
        if not died:
            break
    assert after > 5
    sizes = {len(data) for data in kept(bench)}
    assert sizes == {job.result.bytes}, "parts are left"


def test_an_attempt_after_a_crash_reads_nothing_again_that_was_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Key] = []
    pages = Numbers.pages

    def noted(self: Numbers, after: Key, size: int) -> Generator[RowPage]:
        begun.append(after)
        return pages(self, after, size)

    monkeypatch.setattr(Numbers, "pages", noted)
    job = bench.submit("report.export", {"source": "numbers", "rows_per_part": 4}, tenant="acme")
    assert bench.lose(job, after=3)
    bench.go_on(job)
    assert begun[0] is None
    assert begun[1] in (4, 8)


def test_an_export_begins_anew_where_its_parts_are_gone(bench: Bench) -> None:
    expected = export(bench, rows_per_part=4)[1].sha256
    job = bench.submit("report.export", {"source": "numbers", "rows_per_part": 4}, tenant="acme")
    assert bench.lose(job, after=3)
    for path in Path(str(bench.settings.blobs_url).removeprefix("file://")).rglob("*"):
        if path.is_file() and path.name.isdigit():
            path.unlink()
    bench.go_on(job)
    assert job.result.sha256 == expected


def test_progress_never_goes_back_and_ends_when_the_file_is_kept(bench: Bench) -> None:
    for form in ("csv", "parquet", "xlsx"):
        told = export(bench, format=form, rows_per_part=1)[0].of("progress")
        fractions = [data["fraction"] for data in told]
        assert fractions == sorted(fractions)
        assert fractions[0] == 0
        assert fractions.index(1.0) == len(fractions) - 1
        assert told[-1]["rows"] == told[-1]["total"] == len(ROWS)


def test_remaining_time_is_told_only_once_it_can_be_known() -> None:
    now = 100.0
    meter = Meter(lambda: now)
    now += 50.0  # until the source is open
    assert meter.told(1_000, 100_000) == {}
    now += 0.9
    assert meter.told(50_000, 100_000) == {}, "too early"
    now += 9.1
    assert meter.told(1_500, 100_000) == {}, "too little"
    assert meter.told(11_000, 100_000) == {"rows_per_s": 1_000, "remaining_s": 89.0}
    assert meter.told(120_000, 100_000)["remaining_s"] == 0.0


def test_a_tenant_gets_its_own_rows_alone(bench: Bench) -> None:
    job = bench.run("report.export", {"source": "numbers"}, tenant="globex")
    assert (job.result.rows, content(bench, job.result.sha256)) == (0, b"number,name,share,open,day,at\n")
    other = bench.run("report.export", {"source": "ledger"}, tenant="globex")
    assert other.result.rows == 0


def test_the_shop_is_exported_with_all_its_orders(bench: Bench) -> None:
    job = bench.run("report.export", {"source": "orders", "rows_per_part": 2_000})
    rows = list(csv.DictReader(io.StringIO(content(bench, job.result.sha256).decode())))
    assert "tenant" not in rows[0]
    numbers = [int(row["number"]) for row in rows]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == job.result.rows > 5_000


@pytest.mark.parametrize(
    ("request_", "code"),
    [({"source": "nothing"}, "unknown_source"), ({"source": "numbers", "columns": ["cost"]}, "unknown_column")],
)
def test_what_there_is_not_is_refused_with_what_there_is(bench: Bench, request_: dict[str, Any], code: str) -> None:
    job = bench.run("report.export", request_, tenant="acme")
    assert job.error is not None
    assert (job.state, job.error.code) == ("failed", code)
    assert "numbers" in job.error.message
    assert kept(bench) == []


def test_more_rows_than_a_sheet_has_are_refused_before_the_first_is_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SHEET_ROWS", 10)
    job = bench.run("report.export", {"source": "numbers", "format": "xlsx"}, tenant="acme")
    assert job.error is not None
    assert (job.error.code, kept(bench)) == ("too_large_for_xlsx", [])
    assert job.error.message.startswith("a sheet of XLSX has room for 9 rows")


def test_an_export_that_has_become_too_large_ends_and_leaves_nothing(tmp_path: Path, bench: Bench) -> None:
    with Bench(blobs_url=(tmp_path / "small").as_uri(), max_blob_bytes=1_024) as small:
        job = small.run("report.export", {"source": "ledger", "rows_per_part": 10})
        assert job.error is not None
        assert (job.error.code, kept(small)) == ("export_too_large", [])


def test_two_sources_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="two sources"):
        sources.register("orders", lambda: Source(TYPES, lambda *_: Numbers([], "", [])))


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx"])
def test_a_table_of_duckdb_is_exported_as_one_of_rows(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    path = tmp_path / "data.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t (number BIGINT, name VARCHAR, open BOOLEAN, day DATE, owner VARCHAR)")
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?, 'acme')", [(row[0], row[1], row[3], row[4]) for row in ROWS]
        )
        connection.execute("INSERT INTO t VALUES (11, 'SECRET', true, NULL, 'globex'), (12, 'x', true, NULL, 'acme')")
        connection.execute("DELETE FROM t WHERE number IN (5, 12)")
    columns: dict[str, Type] = {"number": "integer", "name": "text", "open": "boolean", "day": "date"}
    made: Callable[[], Source] = lambda: duckdb_source(path, "t", columns, tenant_column="owner")  # noqa: E731 - a value
    monkeypatch.setitem(sources._SOURCES, "ducks", made)
    monkeypatch.setitem(
        sources._SOURCES,
        "rows",
        lambda: Source(TYPES, lambda tenant, names: Numbers([row for row in ROWS if row[0] != 5], tenant, names)),
    )
    request = {"format": form, "rows_per_part": 2, "columns": list(columns)}
    by_duckdb, by_rows = (export(bench, **request, source=source)[2] for source in ("ducks", "rows"))
    assert (by_duckdb == by_rows) or form == "csv"
    if form == "csv":
        assert list(csv.reader(io.StringIO(by_duckdb.decode()))) == list(csv.reader(io.StringIO(by_rows.decode())))
