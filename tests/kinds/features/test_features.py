"""`data.features`: an extraction is planned, kept once, run step by step, and held to its threshold."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from backdesk.agents import Reply, Say, Situation
from backdesk.kinds.features import kind, rules, statements
from backdesk.kinds.features.contract import ColumnProfile, Feature, FeaturePlan, FeatureRequest, FeatureResult, Rule
from backdesk.kinds.features.quality import THRESHOLDS
from backdesk.kinds.features.settings import WarehouseSettings
from backdesk.kinds.features.warehouse.embedded import EmbeddedWarehouse
from backdesk.kinds.features.warehouse.http import HttpWarehouse
from backdesk.kinds.features.warehouse.protocol import Look, PipelineJob, Rows, Tell
from backdesk.platform.deployment import deployment
from backdesk.platform.tool_settings import settings_of
from backdesk.testing import Bench, BenchJob, Call, sandbox, scripted
from backdesk.tools.query import engine, process
from backdesk.worker.errors import TaskError
from tests.kinds.features.warehouse_server import WarehouseServer

SAMPLE = {"dataset_id": "sample_orders", "description": "Who will order again?"}
PLAN = FeaturePlan(
    summary="Prices tell.",
    required=["unit_price"],
    rules=[Rule(column="quantity", least=0)],
    features=[Feature(column="unit_price", kind="zscore"), Feature(column="ordered_on", kind="month")],
)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    # Queries in this process: what theirs is for is tested with them, and here there are hundreds.
    monkeypatch.setattr(process, "run", engine.run)
    counted_once(monkeypatch)
    settings_of.cache_clear()
    with Bench() as bench, sandbox():
        yield bench
    settings_of.cache_clear()


@pytest.fixture
def service(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[WarehouseServer]:
    with WarehouseServer().running() as server:
        monkeypatch.setenv("BACKDESK_WAREHOUSE_URL", server.url)
        monkeypatch.setenv("BACKDESK_WAREHOUSE_KEY", "wh-secret")
        monkeypatch.setenv("BACKDESK_WAREHOUSE_TIMEOUT_S", "20")
        settings_of.cache_clear()
        yield server


def extract(bench: Bench, **fields: object) -> FeatureResult:
    result: FeatureResult = bench.run("data.features", {**SAMPLE, **fields}).result
    return result


def pipelines(tenant: str = "default") -> list[tuple[Any, ...]]:
    """The status of all that the embedded warehouse of a tenant has."""
    return EmbeddedWarehouse(tenant)._execute("SELECT status FROM pipelines")


FOUND: dict[tuple[type, str], Rows] = {}


def counted_once(monkeypatch: pytest.MonkeyPatch, *, tables: bool = False) -> None:
    """Have each query run once: of the same data it finds the same. With `tables` those that are kept, too."""
    for warehouse in (EmbeddedWarehouse, HttpWarehouse):

        def execute(
            self: Any,
            dataset: str,
            sql: str,
            tell: Tell,
            *,
            save_as: str = "",
            look: Look | None = None,
            ask: Any = warehouse.execute_query,
        ) -> Rows:
            if (type(self), sql) not in FOUND or (save_as and not tables):
                FOUND[type(self), sql] = ask(self, dataset, sql, tell, save_as=save_as, look=look)
            return FOUND[type(self), sql]

        monkeypatch.setattr(warehouse, "execute_query", execute)


class Deaths:
    """Attempts of an extraction, and every write of them in place of which its worker may die.

    By default that which plans and saves, and the last one, which records; of the writes each, or each so many.
    """

    def __init__(self, attempts: Sequence[int] = (1, 4), every: int = 1) -> None:
        self._attempts = attempts
        self._every = every
        self._died = True

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for attempt in self._attempts:
            for after in itertools.count(step=self._every):
                yield attempt, after
                if not self._died:
                    break

    def die(self, bench: Bench, job: BenchJob, attempt: int, after: int) -> None:
        """Make attempts up to that one, let its worker die, and go on to the end."""
        for _ in range(attempt):
            bench.attempt(job)
            for child in job.children:
                if child.state == "queued":
                    bench.attempt(child)
        self._died = bench.lose(job, after=after)
        bench.go_on(job)


def test_an_extraction_counts_what_is_in_the_sample(bench: Bench) -> None:
    found = extract(bench)
    assert (found.status, found.failure_reason, found.sample, found.planned_by) == ("completed", None, True, "rules")
    # 5,000 orders and 52 of them twice; what each rule leaves out follows from how the sample is made.
    invalid = {i for i in range(5000) if i % 53 == 7 or i % 101 == 5 or i % 211 == 3}
    metrics = found.metrics
    assert (metrics.rows, metrics.duplicates_removed, metrics.invalid_removed) == (5052, 52, len(invalid))
    assert metrics.feature_rows == 5000 - len(invalid)
    assert metrics.valid_share == round(1 - len(invalid) / 5000, 6)
    assert [step.status for step in found.steps] == ["completed"] * 6
    assert found.on_time is None


def test_the_table_of_features_is_what_was_counted(bench: Bench) -> None:
    found = extract(bench)
    table = EmbeddedWarehouse("default").table_of(found.pipeline_id)
    with duckdb.connect() as connection:
        rows, mean = connection.execute(
            "SELECT count(*), avg(unit_price_zscore) FROM read_parquet(?)", [str(table)]
        ).fetchall()[0]
    assert rows == found.metrics.feature_rows
    by_name = {each.name: each for each in found.metrics.features}
    assert mean == pytest.approx(by_name["unit_price_zscore"].mean, abs=1e-9)
    assert set(by_name) == {statements.name_of(each) for each in found.plan.features}


def test_data_that_is_not_good_enough_makes_it_failed_with_the_reason(bench: Bench) -> None:
    found = extract(bench, quality_threshold="high")
    assert (found.status, pipelines()) == ("failed", [("failed",)])
    assert found.failure_reason == "96.64% of the rows are valid, 97% are asked for"
    assert found.steps[-1].status == "failed"


@pytest.mark.parametrize("quality", ["low", "medium", "high"])
def test_a_threshold_is_met_at_its_bound_and_not_below(quality: str) -> None:
    threshold = THRESHOLDS[quality]  # type: ignore[index]  # one of them
    assert threshold.reason_against(threshold.valid_share, threshold.null_share, 1) is None
    assert threshold.reason_against(threshold.valid_share - 1e-6, 0, 1)
    assert threshold.reason_against(1, threshold.null_share + 1e-6, 1)
    assert threshold.reason_against(1, 0, 0) == "no valid row is left"


def test_a_model_plans_by_its_type_and_is_told_what_is_in_the_data(bench: Bench) -> None:
    with scripted(Say(PLAN)) as model:
        found = extract(bench)
    assert (found.planned_by, found.plan) == ("model", PLAN)
    told = json.loads(model.requests[0].message)
    assert told["purpose"] == SAMPLE["description"]
    assert next(each for each in told["columns"] if each["name"] == "quantity")["least"] == "-1"
    assert [each.name for each in found.metrics.features] == ["unit_price_zscore", "ordered_on_month"]


def test_of_a_plan_only_what_fits_the_data_is_done_and_the_rest_is_told(bench: Bench) -> None:
    wild = PLAN.model_copy(
        update={
            "features": [
                *PLAN.features,
                Feature(column="region", kind="log"),
                Feature(column='x"; DROP', kind="zscore"),
            ],
            "required": ["nothing"],
            "rules": [Rule(column="region", least=1)],
        }
    )
    with scripted(Say(wild)):
        found = extract(bench)
    assert found.plan.features == PLAN.features
    left_out = next(step for step in found.steps if step.name == "plan").figures["left_out"]
    assert left_out == ["region_log", 'x"; DROP_zscore', "region", "nothing"]


@pytest.mark.parametrize(
    "useless", [Say(PLAN.model_copy(update={"features": [Feature(column="none", kind="log")]})), Call("shop", {})]
)
def test_rules_plan_in_place_of_a_model_whose_plan_is_of_no_use(bench: Bench, useless: Say | Call) -> None:
    with scripted(rule=lambda _now: useless if isinstance(useless, Say) else (useless,)):
        found = extract(bench)
    assert (found.planned_by, found.status) == ("rules", "completed")


@pytest.mark.parametrize("pipeline_id", ["pl-unknown", "/etc/x", "../x", "./" + "../" * 30 + "{victim}"])
def test_features_are_kept_under_a_pipeline_that_the_tenant_has_alone(bench: Bench, pipeline_id: str) -> None:
    victim = deployment().settings.data_dir.absolute() / "warehouse" / "another" / "pl-1"
    victim.parent.mkdir(parents=True)
    step = {"step": "features", "dataset_id": "sample_orders", "plan": PLAN.model_dump()}
    job = bench.run("data.features.step", {**step, "pipeline_id": pipeline_id.format(victim=str(victim).lstrip("/"))})
    assert job.error is not None
    assert job.error.code == "pipeline_unknown"
    assert [*victim.parent.iterdir()] == []


def test_a_bound_of_a_rule_is_a_number() -> None:
    with pytest.raises(ValueError, match="finite number"):
        Rule.model_validate({"column": "quantity", "least": "Infinity"})


def test_a_completion_date_that_is_over_or_has_no_time_zone_is_refused(bench: Bench) -> None:
    job = bench.run("data.features", {**SAMPLE, "completion_date": "2020-01-01T00:00:00Z"})
    assert job.error is not None
    assert (job.error.code, [*(job.error.fields or {})]) == ("invalid_data", ["completion_date"])
    with pytest.raises(ValueError, match="timezone"):
        FeatureRequest.model_validate({**SAMPLE, "completion_date": "2099-01-01T00:00:00"})


def test_an_attempt_after_the_completion_date_goes_on_with_the_work(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    job = bench.submit("data.features", {**SAMPLE, "completion_date": soon.isoformat()})
    bench.attempt(job)
    monkeypatch.setattr(kind, "_now", lambda: soon + timedelta(hours=1))
    bench.go_on(job)
    assert (job.result.status, job.result.on_time) == ("completed", False)


@pytest.mark.parametrize("bound", ["Infinity", "NaN"])
def test_a_bound_that_is_no_number_is_none_of_a_plan(bound: str) -> None:
    with pytest.raises(ValueError, match="finite number"):
        Rule.model_validate_json(f'{{"column": "quantity", "most": {bound}}}')


def test_it_is_told_when_the_work_will_be_too_late(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setattr(kind, "_PASSES", 1e9)
    job = bench.run("data.features", {**SAMPLE, "completion_date": soon.isoformat()})
    assert job.result.on_time is False, (job.result.estimated_completion, job.result.steps[0])
    assert any("too late" in data.get("message", "") for data in job.of("progress"))


def test_a_data_set_that_there_is_not_fails_with_the_names_of_those_there_are(bench: Bench) -> None:
    job = bench.run("data.features", {**SAMPLE, "dataset_id": "nothing"})
    assert job.error is not None
    assert job.error.code == "dataset_unknown"
    assert "there are: sample_orders" in job.error.message


def test_the_plan_and_the_progress_tell_each_step_once_and_in_order(bench: Bench) -> None:
    job = bench.run("data.features", SAMPLE)
    told = [data["steps"] for data in job.of("plan")]
    assert [step["state"] for step in told[0]] == ["pending"] * 6
    assert [step["state"] for step in told[-1]] == ["done"] * 6
    fractions = [data["fraction"] for data in job.of("progress")]
    assert fractions == sorted(set(fractions))
    assert fractions[-1] == 1
    assert sorted(child.kind for child in job.children) == ["data.features.step"] * 4


def test_it_is_saved_once_and_each_step_done_once_whenever_the_worker_dies(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted_once(monkeypatch, tables=True)
    for number, (attempt, after) in enumerate(deaths := Deaths()):
        job = bench.submit("data.features", SAMPLE, tenant=f"tenant-{number}")
        deaths.die(bench, job, attempt, after)
        assert job.result.status == "completed"
        assert len(job.children) == 4
        assert all(child.record.attempt == 1 for child in job.children)
        assert pipelines(f"tenant-{number}") == [("completed",)]


def test_a_step_whose_worker_dies_counts_the_same_anew(bench: Bench) -> None:
    job = bench.attempt(bench.submit("data.features", SAMPLE))
    (step,) = job.children
    assert bench.lose(step)
    assert bench.go_on(job).result.metrics.rows == 5052
    assert step.record.attempt == 2


def test_who_cancels_it_ends_its_steps_too(bench: Bench) -> None:
    job = bench.attempt(bench.submit("data.features", SAMPLE))
    (step,) = job.children
    bench.cancel(job)
    assert (job.state, step.state) == ("cancelled", "cancelled")


def test_an_extraction_over_its_budget_fails_and_saves_nothing(bench: Bench) -> None:
    with scripted(Say(PLAN)):
        job = bench.run("data.features", SAMPLE, budget={"tokens": 10})
    assert job.error is not None
    assert "budget" in job.error.code
    assert pipelines() == []


def test_a_failed_step_makes_the_extraction_failed_with_its_reason(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "features", lambda *_: "SELECT nothing FROM sample_orders")
    found = extract(bench)
    assert found.status == "failed"
    assert "nothing" in (found.failure_reason or "")
    assert [step.status for step in found.steps][-2:] == ["failed", "skipped"]
    assert pipelines() == [("failed",)]


def test_several_who_keep_the_same_extraction_at_once_make_one_of_it(bench: Bench) -> None:
    job = PipelineJob(dataset_id="x", description="y", quality_threshold="low", plan=PLAN)
    with ThreadPoolExecutor(8) as pool:
        saved = [*pool.map(lambda _: EmbeddedWarehouse("default").save_job(job, "key"), range(16))]
        pool.map(lambda _: EmbeddedWarehouse("default").record(saved[0].pipeline_id, "failed", {}), range(16))
    assert len(set(saved)) == 1
    assert pipelines() == [("failed",)]


def test_a_tenant_s_warehouse_is_not_another_s(bench: Bench) -> None:
    bench.run("data.features", SAMPLE, tenant="acme")
    assert pipelines() == []
    assert len([*(deployment().settings.data_dir / "warehouse").glob("*/*.parquet")]) == 1


# --- the tools of the planner ---


def replies(*calls: Call, tenant: str = "default", bench: Bench) -> tuple[FeatureResult, list[Any]]:
    """Have a model make calls, one after the other, and plan then; return the result, and what the calls returned."""
    seen: list[Any] = []

    def plans(now: Situation) -> Reply:
        seen[:] = [reply.data for reply in now.replies]
        return (calls[len(now.replies)],) if len(now.replies) < len(calls) else Say(PLAN)

    with scripted(rule=plans):
        return bench.run("data.features", SAMPLE, tenant=tenant).result, seen


def kept(tenant: str = "default") -> list[FeaturePlan]:
    """The plans that the embedded warehouse of a tenant has."""
    rows = EmbeddedWarehouse(tenant)._execute("SELECT job FROM pipelines")
    return [PipelineJob.model_validate_json(row[0]).plan for row in rows]


def test_a_planner_looks_at_the_data_before_it_plans_and_gets_few_rows_of_it(bench: Bench) -> None:
    found, (counted, rows) = replies(
        Call("execute_query", {"sql": "SELECT count(*) AS n FROM sample_orders"}),
        Call("execute_query", {"sql": "SELECT quantity FROM sample_orders"}),
        bench=bench,
    )
    assert counted == {"rows": [{"n": 5052}]}
    assert len(rows["rows"]) == 20
    assert (found.planned_by, found.status) == ("model", "completed")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("DROP TABLE sample_orders", "one SELECT statement"),
        ("INSERT INTO sample_orders SELECT * FROM sample_orders", "one SELECT statement"),
        ("COPY sample_orders TO '/tmp/x.csv'", "one SELECT statement"),
        ("SELECT 1; SELECT 2", "one SELECT statement"),
        ("SELECT * FROM pipelines", "pipelines"),
        ("SELECT * FROM read_parquet('../*/*.parquet')", "read_parquet"),
        ("ATTACH 'warehouse.duckdb' AS w", "one SELECT statement"),
    ],
)
def test_a_planner_s_sql_that_writes_or_reaches_another_s_tables_is_refused(
    bench: Bench, sql: str, reason: str
) -> None:
    found, (refusal,) = replies(Call("execute_query", {"sql": sql}), bench=bench)
    assert reason in refusal["refused"]
    assert found.status == "completed"


def test_a_planner_that_saves_again_is_refused_and_the_plan_it_answers_with_is_kept_once(bench: Bench) -> None:
    other = PLAN.model_copy(update={"features": PLAN.features[:1]})
    save = [Call("save_job", {"plan": each.model_dump(mode="json")}) for each in (other, PLAN)]
    found, (saved, again) = replies(*save, bench=bench)
    assert saved["pipeline_id"] == found.pipeline_id
    assert "already" in again["refused"]
    assert kept() == [PLAN]
    assert pipelines() == [("completed",)]


def test_a_planner_that_saves_several_times_at_once_saves_one(bench: Bench) -> None:
    save = Call("save_job", {"plan": PLAN.model_dump(mode="json")})
    with scripted(rule=lambda now: Say(PLAN) if now.replies else (save, save)):
        found = extract(bench)
    assert (found.planned_by, kept()) == ("model", [PLAN])


def test_a_planner_that_saves_a_plan_of_no_use_is_refused(bench: Bench) -> None:
    wild = PLAN.model_copy(update={"features": [Feature(column="none", kind="log")]})
    _, (refusal,) = replies(Call("save_job", {"plan": wild.model_dump(mode="json")}), bench=bench)
    assert "none_log" in refusal["refused"]
    assert kept() == [PLAN]


def test_a_planner_cannot_ask_for_the_pipeline_of_another_tenant(bench: Bench) -> None:
    theirs = bench.run("data.features", SAMPLE, tenant="acme").result.pipeline_id
    _, (refusal,) = replies(Call("pipeline_status", {"pipeline_id": theirs}), bench=bench)
    assert "no pipeline" in refusal["refused"]


def test_a_planner_that_calls_for_ever_is_replaced_by_the_rules(bench: Bench) -> None:
    with scripted(rule=lambda _: (Call("execute_query", {"sql": "SELECT count(*) FROM sample_orders"}),)):
        found = extract(bench)
    assert (found.planned_by, found.status) == ("rules", "completed")


def test_the_rules_call_the_same_tools(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    calls_for = rules.calls_for

    def watched(dataset: str, columns: Sequence[ColumnProfile], now: Situation) -> Reply | None:
        asked[:] = [reply.tool for reply in now.replies if reply.succeeded]
        return calls_for(dataset, columns, now)

    monkeypatch.setattr(kind, "calls_for", watched)
    extract(bench)
    assert asked == ["execute_query", "save_job"]


def test_a_planner_s_plan_stands_where_the_warehouse_cannot_be_reached_for_its_tools(
    bench: Bench, service: WarehouseServer
) -> None:
    service.faults = {"/jobs": ["refuse"]}
    found, (refusal,) = replies(Call("save_job", {"plan": PLAN.model_dump(mode="json")}), bench=bench)
    assert "status 403" in refusal["refused"]
    assert (found.planned_by, found.status, len(service.jobs)) == ("model", "completed", 1)


# --- by HTTP ---


def test_a_service_does_the_same(bench: Bench, service: WarehouseServer) -> None:
    found = extract(bench)
    assert (found.status, found.pipeline_id, found.job_url) == ("completed", "pl-1", f"{service.url}/pl-1")
    assert found.metrics.rows == 5052
    assert service.pipelines["pl-1"]["status"] == "completed"
    assert {headers["Authorization"] for _, _, headers in service.asked} == {"Bearer wh-secret"}


@pytest.mark.parametrize("status", ["queued", "processing"])
def test_a_pipeline_that_a_service_still_works_on_is_told_as_that(
    bench: Bench, service: WarehouseServer, status: str
) -> None:
    service.goes_on = {"status": status, "estimated_completion": "2099-01-01T00:00:00Z"}
    found = extract(bench)
    assert (found.status, found.job_url) == (status, f"{service.url}/pl-1")
    assert found.estimated_completion == datetime(2099, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("fault", ["busy", "drop"])
def test_a_service_that_fails_for_a_time_is_asked_again_and_has_one_job(
    bench: Bench, service: WarehouseServer, fault: str
) -> None:
    service.faults = {"/jobs": [fault, fault], "/pipelines/pl-1": [fault]}
    assert extract(bench).status == "completed"
    assert len(service.jobs) == len(service.pipelines) == 1
    assert len([path for _, path, _ in service.asked if path == "/jobs"]) == 3


def test_a_service_that_hangs_is_left_and_asked_again(
    bench: Bench, service: WarehouseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_WAREHOUSE_TIMEOUT_S", "0.2")
    settings_of.cache_clear()
    service.faults = {"/jobs": ["hang"]}
    warehouse = HttpWarehouse(settings_of(WarehouseSettings), "default")
    job = PipelineJob(dataset_id="x", description="y", quality_threshold="low", plan=PLAN)
    with pytest.raises(TaskError) as late:
        warehouse.save_job(job, "key")
    assert (late.value.code, late.value.transient) == ("warehouse_timeout", True)
    service.faults = {}
    monkeypatch.setenv("BACKDESK_WAREHOUSE_TIMEOUT_S", "20")
    settings_of.cache_clear()
    assert HttpWarehouse(settings_of(WarehouseSettings), "default").save_job(job, "key").pipeline_id == "pl-1"
    assert len(service.jobs) == 1


@pytest.mark.parametrize("fault", ["drip", "drip headers"])
def test_a_service_that_sends_slowly_has_no_more_time_than_the_request_as_a_whole(
    service: WarehouseServer, fault: str
) -> None:
    service.faults = {"/pipelines/pl-1": [fault]}
    settings = settings_of(WarehouseSettings).model_copy(update={"timeout_s": 0.3})
    began = time.monotonic()
    with pytest.raises(TaskError) as late:
        HttpWarehouse(settings, "default").pipeline_status("pl-1")
    assert (late.value.code, late.value.transient) == ("warehouse_timeout", True)
    assert time.monotonic() - began < 2  # the server would go on for four seconds


@pytest.mark.parametrize(("fault", "code"), [("refuse", "warehouse_refused"), ("garble", "warehouse_answer_invalid")])
def test_a_service_that_refuses_or_answers_nonsense_ends_it_with_the_reason(
    bench: Bench, service: WarehouseServer, fault: str, code: str
) -> None:
    service.faults = {"/jobs": [fault] * 50}
    job = bench.run("data.features", SAMPLE)
    assert job.error is not None
    assert job.error.code == code
    assert "wh-secret" not in str(job.record)


def test_it_is_saved_once_at_a_service_whenever_the_worker_dies(
    bench: Bench, service: WarehouseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted_once(monkeypatch, tables=True)
    for submitted, (attempt, after) in enumerate(deaths := Deaths(attempts=[1], every=3), 1):
        job = bench.submit("data.features", SAMPLE)
        deaths.die(bench, job, attempt, after)
        assert job.result.status == "completed"
        assert len(service.jobs) == len(service.pipelines) == submitted


# --- the SQL ---


def test_names_of_columns_are_names_whatever_is_in_them() -> None:
    odd = 'a"b; DROP TABLE x --'
    column = ColumnProfile(name=odd, type="BIGINT", nulls=0, null_share=0, distinct=2)
    plan = rules.plan_for([column])
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE d AS SELECT i AS {statements.quoted(odd)} FROM range(5) t(i)")  # noqa: S608 - a name in quotes
        assert connection.execute(statements.features("d", plan)).fetchall()
        assert connection.execute(statements.summary("d", plan)).fetchall()[0][0] == 5
        assert connection.execute(statements.profile("d", [(odd, "BIGINT")])).fetchall()[0][0] == 5


def test_every_sort_of_feature_is_made_as_it_is_said() -> None:
    made = [("n", each) for each in ("zscore", "log", "missing", "frequency")]
    made += [("d", each) for each in ("year", "month", "weekday")]
    plan = FeaturePlan(summary="", features=[Feature(column=c, kind=k) for c, k in made])
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE d AS SELECT * FROM (VALUES (0, DATE '2025-03-03'), (2, NULL)) t(n, d)")
        rows = sorted(connection.execute(statements.features("d", plan)).fetchall())
    assert rows[0] == (-1.0, 0.0, 0, 0.5, 2025, 3, 1)
    assert rows[1][:4] == (1.0, pytest.approx(1.0986123), 0, 0.5)
