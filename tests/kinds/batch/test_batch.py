"""`batch.run`: declared operations over lists and files, for callers and for agents."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from backdesk.agents import Agent, AgentRequest, AgentResult, Call, Reply, Say, Situation, Team, agent_task, answer
from backdesk.kinds.batch import kind, source
from backdesk.kinds.batch.contract import BatchRequest
from backdesk.testing import Bench, BenchJob, sandbox, scripted
from backdesk.tools import ItemCall, batch_tool, operation
from backdesk.tools.batch import running
from backdesk.tools.batch.operation import OPERATIONS
from backdesk.worker import TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.memory.calls import MemoryCalls
from backdesk.worker.store.scripts import run
from backdesk.worker.submit.blob_access import blobs_of

PRICED: list[str] = []


class Article(BaseModel):
    name: str
    count: Annotated[int, Field(ge=1)] = 1


def price(item: Article, call: ItemCall) -> dict[str, Any]:
    """Tell what articles cost."""
    PRICED.append(item.name)
    return {"name": item.name, "cents": 100 * item.count, "tenant": call.tenant}


PRICE = operation("shop.price", effect="idempotent", parallel=2)(price)
CALL = Call("price_all", {"items": [{"name": "kettle", "count": 2}, {"name": "toaster"}]})


def rule(now: Situation) -> Reply:
    return Say("Priced.") if now.replies else (CALL,)


@pytest.fixture
def bench() -> Iterator[Bench]:
    clerk = Agent("clerk", "You tell prices.", tools=(batch_tool("price_all", PRICE, most_items=3),))

    @agent_task("batching.clerk")
    async def work(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        return await answer(ctx, Team("prices", (clerk,), rules=rule), request)

    PRICED.clear()
    with Bench() as bench, sandbox():
        yield bench
    REGISTRY.pop("batching.clerk")


def batch(bench: Bench, operation: str, *, tenant: str = "acme", **fields: object) -> BenchJob:
    return bench.run("batch.run", {"operation": operation, **fields}, tenant=tenant)


def lines(bench: Bench, job: BenchJob) -> list[dict[str, Any]]:
    store = blobs_of(bench.settings).store
    return [json.loads(line) for line in store.read(job.result.file, job.record.tenant).splitlines()]


def code(job: BenchJob) -> str:
    assert job.error is not None, job.result
    return job.error.code


def attached(bench: Bench, tenant: str, data: bytes) -> str:
    calls = MemoryCalls(bench.settings)
    kept = run(bench._redis, calls.attach(tenant, data))
    return f"att-{kept}" if not str(kept).startswith("att-") else str(kept)


def test_the_sample_operation_can_be_tried_as_it_is(bench: Bench) -> None:
    job = batch(bench, "text.count", items=["one two", "three"])
    assert job.result.first == lines(bench, job)
    assert job.result.first[0] == {"index": 0, "result": {"words": 2, "characters": 7}}


def test_an_item_that_its_operation_does_not_take_is_an_error_of_that_item(bench: Bench) -> None:
    job = batch(bench, "shop.price", items=[{"name": "kettle"}, {"name": "toaster", "count": 0}, "tea"])
    assert (job.result.succeeded, job.result.failed) == (1, 2)
    assert [error.code for error in job.result.errors] == ["invalid_item", "invalid_item"]
    assert "count" in job.result.errors[0].message
    assert PRICED == ["kettle"]


def test_an_unknown_operation_is_told_with_those_that_there_are(bench: Bench) -> None:
    job = batch(bench, "shop.close", items=[1])
    assert code(job) == "operation_unknown"
    assert job.error is not None
    assert "shop.price, text.count" in job.error.message


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"items": []},
        {"items": list(range(10_001))},
        {"items": [1], "attachment_id": "att-" + "0" * 64},
        {"attachment_id": "../secrets"},
        {"items": [1], "parallel": 65},
    ],
)
def test_what_is_out_of_bounds_is_refused_at_the_edge(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"items|attachment_id|parallel"):
        BatchRequest.model_validate({"operation": "text.count", **fields})


@pytest.mark.parametrize("data", [b'["a", "b c"]', b'"a"\n\n"b c"\n', b'"a"\n"b c"'])
def test_items_come_from_a_file_that_was_attached(bench: Bench, data: bytes) -> None:
    job = batch(bench, "text.count", attachment_id=attached(bench, "acme", data))
    assert [line["result"]["words"] for line in lines(bench, job)] == [1, 2]


def test_a_file_of_another_tenant_is_not_there(bench: Bench) -> None:
    theirs = attached(bench, "globex", b'["a"]')
    assert code(batch(bench, "text.count", attachment_id=theirs)) == "no_such_file"


def test_a_line_that_is_no_json_is_an_error_of_that_item(bench: Bench) -> None:
    job = batch(bench, "text.count", attachment_id=attached(bench, "acme", b'"a"\nb\n"c"\n'))
    assert [line.get("error", {}).get("code") for line in lines(bench, job)] == [None, "invalid_item", None]


def test_a_line_without_end_is_refused_before_anything_is_done(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_LINE_BYTES", 100)
    job = batch(bench, "text.count", attachment_id=attached(bench, "acme", b'"a"\n"' + b"x" * 200 + b'"\n'))
    assert code(job) == "invalid_items"


def test_the_results_of_one_batch_are_the_items_of_another(bench: Bench) -> None:
    first = batch(bench, "text.count", items=["a", "b"])
    ref = first.result.file.model_dump()
    job = batch(bench, "text.count", file=ref)
    assert [line["error"]["code"] for line in lines(bench, job)] == ["invalid_item"] * 2  # they are no texts
    assert code(batch(bench, "text.count", file=ref, tenant="globex")) == "blob_missing"


def test_a_result_has_no_more_of_the_file_than_fits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(batch(bench, "text.count", items=["a"] * 50).result.first) == kind.FIRST_LINES
    monkeypatch.setattr(kind, "FIRST_BYTES", 120)
    assert len(batch(bench, "text.count", items=["a"] * 50).result.first) == 2


def test_the_results_are_whole_whenever_the_worker_dies(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "KEEP_EVERY_S", 0)
    for after in itertools.count():
        job = bench.submit("batch.run", {"operation": "text.count", "items": ["a"] * 4})
        died = bench.lose(job, after=after)
        bench.go_on(job)
        assert [line["index"] for line in lines(bench, job)] == [0, 1, 2, 3]
        if not died:
            break
    assert after > 3


def test_an_agent_has_it_done_for_all_items(bench: Bench) -> None:
    with scripted(CALL, Say("Priced.")) as model:
        job = bench.run("batching.clerk", {"message": "Prices, please."}, tenant="acme")
    told = model.requests[1].replies_of("price_all")[0].data
    assert [line["result"]["cents"] for line in told["first"]] == [200, 100]
    assert {line["result"]["tenant"] for line in told["first"]} == {"acme"}
    assert (told["items"], told["complete"]) == (2, True)
    assert job.tool_calls[0].summary == "2 of 2 items done"
    (child,) = job.children
    assert (child.kind, child.record.queue) == ("batch.run", "tools")


def test_rules_have_it_done_as_well(bench: Bench) -> None:
    with scripted(rule=rule):
        job = bench.run("batching.clerk", {"message": "Prices, please."})
    assert job.result.answer == "Priced."
    assert sorted(PRICED) == ["kettle", "toaster"]


@pytest.mark.parametrize(
    "args",
    [
        {"items": []},
        {"items": [{"name": "kettle"}] * 4},
        {"items": [{"name": "kettle", "count": 0}]},
        {"items": "kettle"},
        {"file_id": "/etc/passwd"},
    ],
)
def test_the_model_is_told_what_the_items_may_be(bench: Bench, args: dict[str, Any]) -> None:
    with scripted(Call("price_all", args), Say("Oh.")) as model:
        bench.run("batching.clerk", {"message": "Prices, please."})
    assert not model.requests[1].replies_of("price_all")[0].succeeded
    assert PRICED == []


@pytest.mark.parametrize("args", [{}, {"items": [{"name": "kettle"}], "file_id": "att-" + "0" * 64}])
def test_the_model_names_items_or_a_file(bench: Bench, args: dict[str, Any]) -> None:
    with scripted(Call("price_all", args), Say("Oh.")) as model:
        bench.run("batching.clerk", {"message": "Prices, please."})
    assert "Give either the items" in model.requests[1].replies_of("price_all")[0].data["refused"]


def test_a_file_that_there_is_not_is_a_refusal_to_the_model(bench: Bench) -> None:
    with scripted(Call("price_all", {"file_id": "att-" + "0" * 64}), Say("Oh.")) as model:
        bench.run("batching.clerk", {"message": "Prices, please."})
    assert "is not kept" in model.requests[1].replies_of("price_all")[0].data["refused"]


# Operations


@pytest.mark.parametrize("name", ["", "Price", "a b", "a..b", ".a", "a" * 65])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="must be named by words"):
        operation(name)


def test_two_operations_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"two operations named 'shop\.price'"):
        operation("shop.price")(lambda item, call: item)
    assert OPERATIONS["shop.price"] is PRICE


async def waits(item: int, call: ItemCall) -> int:
    return item


@pytest.mark.parametrize("work", [waits, lambda item: item])
def test_what_is_no_function_of_an_item_and_its_call_is_refused(work: Any) -> None:
    with pytest.raises(ConfigurationError, match="of an item and its ItemCall"):
        operation("shop.other")(work)


@pytest.mark.parametrize("parallel", [0, 65])
def test_no_or_too_many_threads_are_refused(parallel: int) -> None:
    with pytest.raises(ConfigurationError, match="parallel must be 1 to 64"):
        operation("shop.other", parallel=parallel)
