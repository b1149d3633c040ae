"""`data.query`: queries as jobs, of a tenant's own data."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backdesk.agents import Agent, AgentRequest, AgentResult, Call, Say, agent_task, answer
from backdesk.kinds.query import kind  # noqa: F401 - which registers itself
from backdesk.kinds.query.contract import DataQueryRequest
from backdesk.platform.deployment import deployment
from backdesk.platform.tool_settings import settings_of
from backdesk.shop.tables import Order
from backdesk.testing import Bench, BenchJob, sandbox, scripted
from backdesk.tools import query_tool
from backdesk.tools.query import process
from backdesk.tools.query.order import Order as Ordered
from backdesk.worker import BlockingContext, TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from tests.support.eventually import eventually

LONG = "SELECT sum(hash(i) % 7) FROM range(30000000000) t(i)"


@pytest.fixture
def bench(tmp_path: Path, seeded: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for tenant in ("acme", "globex"):
        (tmp_path / f"{tenant}.csv").write_text("item,cents\n" + "".join(f"{tenant}-{n},{n}\n" for n in range(100)))
    own = [{"name": "sales", "tenant": each, "files": f"{each}.csv"} for each in ("acme", "globex")]
    orders = {"name": "orders", "public": True, "table": "orders", "module": "backdesk.shop.tables"}
    (tmp_path / "datasets.json").write_text(json.dumps({"datasets": [*own, orders]}))
    settings_of.cache_clear()
    with Bench() as bench, sandbox(seeded.read_bytes()):
        monkeypatch.setenv("BACKDESK_DATASETS", str(tmp_path / "datasets.json"))
        settings_of.cache_clear()
        yield bench
    settings_of.cache_clear()


def ask(bench: Bench, sql: str, *, tenant: str = "acme", **fields: object) -> BenchJob:
    return bench.run("data.query", {"sql": sql, **fields}, tenant=tenant)


def test_a_query_returns_its_rows_with_types_and_figures(bench: Bench) -> None:
    job = ask(bench, "SELECT count(*) AS n, sum(cents) AS cents FROM sales")
    found = job.result
    assert (found.row_count, found.preview, found.query_id) == (1, [{"n": 100, "cents": 4950}], job.id)
    assert [(each.name, each.type) for each in found.columns] == [("n", "BIGINT"), ("cents", "HUGEINT")]
    assert json.loads(found.content) == found.preview
    assert found.metrics.rows_read == 100
    assert found.metrics.bytes_read > 0
    assert found.execution_s > 0
    assert not found.cache_hit
    assert job.of("progress")[-1]["fraction"] == 1


def test_a_query_sees_its_own_tenant_s_data_alone(bench: Bench) -> None:
    for tenant in ("acme", "globex"):
        found = ask(bench, "SELECT DISTINCT split_part(item, '-', 1) AS whose FROM sales", tenant=tenant).result
        assert found.preview == [{"whose": tenant}]
    refused = ask(bench, "SELECT * FROM sales", tenant="initech").error
    assert refused is not None
    assert (refused.code, refused.message) == (
        "query_refused",
        "there is no data set 'sales'; there are: orders, sample_orders",
    )


def test_a_table_of_the_database_is_read_as_far_as_it_is_the_tenant_s_and_not_too_large(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with deployment().database.of("default").read() as session:
        there = session.query(Order).count()
    sql = "SELECT count(*) AS n, typeof(max(placed_on)) AS day FROM orders"
    assert ask(bench, sql, tenant="default").result.preview == [{"n": there, "day": "DATE"}]
    assert there > 0
    assert ask(bench, sql, tenant="acme").result.preview == [{"n": 0, "day": "DATE"}]
    monkeypatch.setenv("BACKDESK_QUERY_MAX_TABLE_ROWS", "1")
    settings_of.cache_clear()
    error = ask(bench, "SELECT 1 FROM orders", tenant="default").error
    assert error is not None
    assert error.code == "dataset_too_large"


@pytest.mark.parametrize("field", ["timeout_s", "cache_s", "format", "sql", "datasets", "max_estimated_rows"])
def test_what_is_out_of_bounds_is_refused_at_the_edge(field: str) -> None:
    wrong = {"timeout_s": 301, "cache_s": 3601, "format": "xls", "sql": " ", "datasets": ["A"], "max_estimated_rows": 0}
    with pytest.raises(ValueError, match=field):
        DataQueryRequest.model_validate({"sql": "SELECT 1", field: wrong[field]})


def test_a_question_is_answered_from_the_cache_however_it_is_written(bench: Bench) -> None:
    first = ask(bench, "SELECT sum(cents) AS s FROM sales", cache_s=60)
    again = ask(bench, "select  SUM(cents) as s -- again\nfrom sales", cache_s=60).result
    assert (again.cache_hit, again.cached_from, again.preview) == (True, first.id, first.result.preview)


def test_a_kept_result_is_not_for_whoever_wants_a_new_one_or_has_other_data(bench: Bench, tmp_path: Path) -> None:
    sql = "SELECT sum(cents) AS s FROM sales"
    ask(bench, sql, cache_s=60)
    assert not ask(bench, sql).result.cache_hit
    assert not ask(bench, sql, tenant="globex", cache_s=60).result.cache_hit
    assert not ask(bench, sql, cache_s=60, format="csv").result.cache_hit
    (tmp_path / "acme.csv").write_text("item,cents\nacme-1,7\n")
    assert ask(bench, sql, cache_s=60).result.preview == [{"s": 7}]


def test_a_result_that_is_older_than_asked_for_is_not_given_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(bench, "SELECT 1 AS one", cache_s=3600)
    now = time.time()
    monkeypatch.setattr("backdesk.kinds.query.cache.time.time", lambda: now + 100)
    assert not ask(bench, "SELECT 1 AS one", cache_s=60).result.cache_hit
    monkeypatch.setattr("backdesk.kinds.query.cache.time.time", lambda: now + 101)
    assert ask(bench, "SELECT 1 AS one", cache_s=60).result.cache_hit


def test_a_result_that_is_larger_than_what_the_deployment_keeps_is_returned_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("the value for the cache is too large")

    monkeypatch.setattr(BlockingContext, "cache", refuse)
    assert ask(bench, "SELECT 1 AS one", cache_s=60).result.preview == [{"one": 1}]


def test_a_large_result_is_a_file_of_the_job(bench: Bench) -> None:
    found = ask(bench, "SELECT i, 'some words' AS words FROM range(5000) t(i)", format="csv").result
    assert found.content is None
    assert bench._process.blobs.store.read(found.file, "acme").startswith(b"i,words\n0,some words\n")


def test_a_result_that_is_found_again_is_a_file_of_the_later_job_too(bench: Bench) -> None:
    first = ask(bench, "SELECT * FROM sales", format="parquet", cache_s=60).result
    again = ask(bench, "SELECT * FROM sales", format="parquet", cache_s=60).result
    assert again.cache_hit
    bench._process.blobs.store.forget(first.query_id, "acme")
    assert bench._process.blobs.store.read(again.file, "acme").startswith(b"PAR1")
    assert (again.file.owner, again.file.sha256) == (again.query_id, first.file.sha256)


def test_a_result_whose_file_is_gone_is_not_given_again(bench: Bench) -> None:
    first = ask(bench, "SELECT * FROM sales", format="parquet", cache_s=60).result
    bench._process.blobs.store.forget(first.query_id, "acme")
    assert not ask(bench, "SELECT * FROM sales", format="parquet", cache_s=60).result.cache_hit


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("DROP TABLE sales", "query_refused"),
        ("SELECT 1; SELECT 2", "query_refused"),
        ("SELECT nothing FROM sales", "query_invalid"),
        ("SELECT " + "(" * 900 + "1" + ")" * 900, "query_refused"),
        ("SELECT CAST(item AS INTEGER) FROM sales", "query_failed"),
    ],
)
def test_a_query_that_cannot_be_answered_fails_once_with_the_reason(bench: Bench, sql: str, code: str) -> None:
    job = ask(bench, sql)
    assert job.error is not None
    assert (job.error.code, job.record.attempt, job.error.transient) == (code, 1, False)
    assert "backdesk-query" not in job.error.message


def test_data_sets_that_are_not_named_cannot_be_read(bench: Bench) -> None:
    error = ask(bench, "SELECT * FROM orders", datasets=["sales"]).error
    assert error is not None
    assert error.message == "there is no data set 'orders'; there are: sales"


def test_a_query_over_its_estimate_does_not_begin(bench: Bench) -> None:
    error = ask(bench, "SELECT * FROM range(1000000) a, range(1000000) b", max_estimated_rows=10_000_000).error
    assert error is not None
    assert error.code == "query_estimate_over_limit"


def test_a_query_is_run_again_whenever_its_worker_dies(bench: Bench) -> None:
    for after in itertools.count():
        job = bench.submit("data.query", {"sql": "SELECT sum(cents) AS s FROM sales"}, tenant="acme")
        died = bench.lose(job, after=after)
        bench.go_on(job)
        assert job.result.preview == [{"s": 4950}]
        if not died:
            break


def test_a_query_that_is_cancelled_is_interrupted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    started, ended = threading.Event(), threading.Event()
    begin = process._started

    @contextmanager
    def seen(order: Ordered) -> Iterator[object]:
        try:
            with begin(order) as engine:
                started.set()
                yield engine
        finally:
            ended.set()

    monkeypatch.setattr(process, "_started", seen)
    job = bench.submit("data.query", {"sql": LONG, "timeout_s": 300}, tenant="acme")
    attempt = threading.Thread(target=bench.attempt, args=(job,))
    attempt.start()
    assert started.wait(20)
    eventually(lambda: bool(job.of("progress")), what="the start of the query")
    bench.cancel(job)
    attempt.join(20)
    assert job.state == "cancelled"
    assert ended.is_set()


def test_an_agent_asks_by_its_tool_and_gets_rows_or_a_reason(bench: Bench) -> None:
    analyst = Agent("analyst", "You answer from data.", tools=(query_tool("ask_sales", datasets=["sales"]),))

    @agent_task("asking.analyst")
    async def work(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        return await answer(ctx, analyst, request)

    calls = (
        Call("ask_sales", {"sql": "SELECT max(cents) AS most FROM sales", "priority": "high"}),
        Call("ask_sales", {"sql": "SELECT * FROM orders"}),
    )
    with scripted(calls, Say("99.")) as model:
        job = bench.run("asking.analyst", {"message": "What is the most?"}, tenant="acme")
    assert job.result.answer == "99."
    del REGISTRY["asking.analyst"]
    found, refused = (reply.data for reply in model.requests[1].replies_of("ask_sales"))
    assert (found["rows"], found["complete"], found["sample"]) == ([{"most": 99}], True, False)
    assert refused["refused"] == "there is no data set 'orders'; there are: sales"
    assert sorted(child.record.priority for child in job.children) == [5, 7]
