"""Archived jobs in a database: found again as they were, by one deployment and no other, until they are too old."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from backdesk.archive.database import LOCK, SqlArchive
from backdesk.archive.migrations import REVISIONS
from backdesk.archive.tables import REVISION_TABLE, metadata
from backdesk.sql.engines import Engines
from backdesk.sql.scripts import config_of
from backdesk.worker.errors import ArchiveUnavailable, ConfigurationError
from backdesk.worker.store.archive import ArchivedDay, ArchivedJob, Wanted


def job(job_id: str, **its: object) -> ArchivedJob:
    usual = ArchivedJob(job_id, "acme", "test.echo", "succeeded", "", 1000, 2000, 3, b"record", b"log", b"workings")
    return replace(usual, **its)  # type: ignore[arg-type]  # any field


@pytest.fixture
def archive(archive: SqlArchive) -> SqlArchive:
    archive.prepare()
    return archive


def ids(found: list[ArchivedJob]) -> list[str]:
    return [each.id for each in found]


def test_whose_jobs_are_is_told_of_those_that_are_kept(archive: SqlArchive) -> None:
    archive.keep([job("a"), job("b", tenant="globex")])
    assert archive.tenants(["a", "b", "missing"]) == {"a": "acme", "b": "globex"}


def test_a_job_is_found_as_it_was(archive: SqlArchive) -> None:
    archive.keep([job("a"), job("b", code="broken", state="failed")])
    assert archive.find(["b", "missing"], whole=True) == [job("b", code="broken", state="failed")]


def test_of_a_record_alone_nothing_else_is_read(archive: SqlArchive) -> None:
    archive.keep([job("a")])
    assert archive.find(["a"], whole=False) == [job("a", log=b"", workings=b"")]


def test_a_job_that_is_kept_again_takes_the_place_of_its_former_copy(archive: SqlArchive) -> None:
    archive.keep([job("a")])
    archive.keep([job("a", record=b"newer"), job("b")])
    assert [each.record for each in archive.find(["a"], whole=False)] == [b"newer"]


def test_all_jobs_of_a_call_are_kept_or_none(archive: SqlArchive) -> None:
    with pytest.raises(Exception, match=r"(?i)null|none"):
        archive.keep([job("a"), job("b", record=None)])
    assert archive.find(["a", "b"], whole=False) == []


def test_deployments_that_share_a_database_do_not_see_each_others_jobs(archive: SqlArchive, archive_url: str) -> None:
    archive.keep([job("a")])
    with closing(SqlArchive(archive_url, "other")) as other:
        other.prepare()
        other.keep([job("a", tenant="umbrella")])
        assert other.drop(["a"]) == 1
    assert ids(archive.newest(Wanted(), None, 10)) == ["a"]


def test_jobs_are_listed_by_their_end_or_by_their_creation(archive: SqlArchive) -> None:
    archive.keep([job("old", created_ms=10, ended_ms=50), job("new", created_ms=20, ended_ms=40)])
    assert ids(archive.newest(Wanted(), None, 10)) == ["old", "new"]
    assert ids(archive.newest(Wanted(by_creation=True), None, 10)) == ["new", "old"]


def test_a_list_goes_on_where_it_ended_also_among_jobs_of_one_moment(archive: SqlArchive) -> None:
    archive.keep([job(f"j{n}", ended_ms=2000 + n // 2) for n in range(6)])
    first = archive.newest(Wanted(), None, 3)
    assert ids(first) == ["j5", "j4", "j3"]
    assert ids(archive.newest(Wanted(), (first[-1].ended_ms, "j3"), 10)) == ["j2", "j1", "j0"]


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(tenant="umbrella"),
        Wanted(kind="test.other"),
        Wanted(state="failed"),
        Wanted(code="broken"),
        Wanted(since_ms=3000),
    ],
    ids=str,
)
def test_a_list_holds_what_is_wanted_alone(archive: SqlArchive, wanted: Wanted) -> None:
    meant = job("meant", tenant="umbrella", kind="test.other", state="failed", code="broken", ended_ms=3000)
    archive.keep([job("other"), meant])
    assert ids(archive.newest(wanted, None, 10)) == ["meant"]


def test_the_oldest_jobs_are_forgotten_so_many_at_a_time(archive: SqlArchive) -> None:
    archive.keep([job(f"j{n}", ended_ms=n) for n in range(5)])
    assert [archive.expire(4, 3), archive.expire(4, 3)] == [3, 1]
    assert ids(archive.newest(Wanted(), None, 10)) == ["j4"]


def test_jobs_that_are_dropped_are_gone(archive: SqlArchive) -> None:
    archive.keep([job("a"), job("b")])
    assert archive.drop(["a", "missing"]) == 1
    assert archive.find(["a", "b"], whole=False) == [job("b", log=b"", workings=b"")]


def test_who_only_reads_finds_nothing_before_a_worker_has_made_the_tables(archive_url: str, tmp_path: Path) -> None:
    with closing(SqlArchive(archive_url, "backdesk")) as reader:
        assert reader.find(["a"], whole=True) == reader.newest(Wanted(), None, 10) == []
        assert reader.drop(["a"]) == 0
    assert list(tmp_path.glob("archive*")) == []


def test_several_workers_may_start_on_an_empty_database_at_once(archive_url: str) -> None:
    archives = [SqlArchive(archive_url, "backdesk") for _ in range(4)]
    errors: list[Exception] = []
    threads = [threading.Thread(target=_caught, args=(each.prepare, errors)) for each in archives]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in archives:
        assert each.find(["a"], whole=True) == []
        each.close()
    assert errors == []


def _caught(work: Callable[[], None], errors: list[Exception]) -> None:
    try:
        work()
    except Exception as error:  # noqa: BLE001 - shown by the test
        errors.append(error)


def test_a_database_of_a_newer_version_is_left_alone(archive: SqlArchive, archive_url: str) -> None:
    with closing(Engines(archive_url)) as engines, engines.writing.begin() as connection:
        connection.execute(text(f"UPDATE {REVISION_TABLE} SET version_num = '9999'"))  # noqa: S608 - a name of ours
    with (
        closing(SqlArchive(archive_url, "backdesk")) as older,
        pytest.raises(ConfigurationError, match="at revision 9999, this version of backdesk knows those up to"),
    ):
        older.prepare()


def test_a_password_is_not_told_of_a_database_that_cannot_be_reached() -> None:
    url = "postgresql+psycopg://ada:hunter2@127.0.0.1:1/archive"
    with closing(SqlArchive(url, "backdesk")) as archive, pytest.raises(ArchiveUnavailable) as told:
        archive.find(["a"], whole=False)
    assert "ada:***@127.0.0.1:1/archive cannot be used" in str(told.value)
    assert "hunter2" not in str(told.value)


def test_the_scripts_make_the_tables_of_the_code(archive_url: str) -> None:
    with closing(SqlArchive(archive_url, "backdesk")) as archive:
        archive.prepare()
    with closing(Engines(archive_url)) as engines, engines.alone(LOCK) as connection:
        options = {"version_table": REVISION_TABLE}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_the_revisions_are_those_of_the_scripts() -> None:
    folder = Path(__file__).parents[2] / "worker" / "backdesk" / "archive" / "migrations"
    scripts = ScriptDirectory.from_config(config_of(folder, None)).walk_revisions()
    assert tuple(script.revision for script in scripts)[::-1] == REVISIONS


# Days


def test_figures_of_days_are_found_page_by_page_in_their_order(archive: SqlArchive) -> None:
    kept = [ArchivedDay(f"2026-01-0{day}", tenant, "k", b"f") for day in (1, 2, 3) for tenant in ("a", "b")]
    archive.keep_days(kept[::-1])
    first = archive.days("2026-01-01", "2026-01-02", None, 3)
    assert first == kept[:3]
    assert archive.days("2026-01-01", "2026-01-02", first[-1], 3) == kept[3:4]


def test_a_day_that_is_kept_again_is_there_once(archive: SqlArchive) -> None:
    for figures in (b"old", b"new"):
        archive.keep_days([ArchivedDay("2026-01-01", "acme", "k", figures)])
    assert [each.figures for each in archive.days("2026-01-01", "2026-01-01", None, 9)] == [b"new"]


def test_days_that_are_too_old_are_forgotten(archive: SqlArchive) -> None:
    archive.keep_days([ArchivedDay(f"2026-01-0{day}", "acme", "k", b"f") for day in (1, 2)])
    archive.expire(int(datetime(2026, 1, 2, 12, tzinfo=UTC).timestamp() * 1000), 10)
    assert [each.day for each in archive.days("2026-01-01", "2026-01-09", None, 9)] == ["2026-01-02"]
