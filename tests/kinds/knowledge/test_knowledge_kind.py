"""The kind of the knowledge base on a bench: what people do with articles, and what vectors come to."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from backdesk.service.knowledge.contract import KnowledgeResult
from backdesk.testing import Bench, sandbox
from backdesk.worker.errors import InvalidRequest
from tests.support.mortal_bench import Death, MortalBench, deaths
from tests.support.openai_simulator import Fault, OpenAISimulator

import_module("backdesk.kinds.knowledge.kind")  # registers it
STOVE = {"slug": "stove", "title": "The stove", "sections": [{"text": "Mind your fingers."}]}
MODEL = "text-embedding-3-small"


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAISimulator]:
    with OpenAISimulator().running() as server:
        yield server


@pytest.fixture
def provider(server: OpenAISimulator) -> OpenAISimulator:
    server.requests.clear()
    server.embedding = lambda text: [1.0, 0.0] if "fingers" in text or "hot" in text else [0.0, 1.0]
    return server


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


@pytest.fixture
def offline(bench: Bench, seeded: Path) -> Iterator[Bench]:
    with sandbox(seeded.read_bytes()):
        yield bench


@pytest.fixture
def online(bench: Bench, seeded: Path, provider: OpenAISimulator, tmp_path: Path) -> Iterator[Bench]:
    prices = tmp_path / "prices.json"
    prices.write_text(f'{{"{MODEL}": {{"input": 1000, "output": 0}}}}')
    settings = {"embeddings_model": MODEL, "embeddings_base_url": provider.url, "prices": prices}
    with sandbox(seeded.read_bytes(), **settings):
        yield bench


def act(bench: Bench, act: str, tenant: str = "default", **fields: Any) -> KnowledgeResult:
    result: KnowledgeResult = bench.run("service.knowledge", {"act": act, **fields}, tenant=tenant).result
    return result


def outlived(bench: MortalBench, death: Death, **request: Any) -> KnowledgeResult:
    """What an act comes to that this death befalls."""
    job = bench.submit("service.knowledge", request, tenant="globex")
    result: KnowledgeResult = bench.outlive(job, death).result
    return result


def test_what_is_added_is_listed_found_and_removed_for_its_tenant_alone(offline: Bench) -> None:
    assert act(offline, "add", "globex", document=STOVE).state == "added"
    assert act(offline, "add", "globex", document=STOVE).state == "unchanged"
    (listed,) = act(offline, "list", "globex").articles
    assert (listed.slug, listed.passages, listed.embedded) == ("stove", 1, 0)
    found = act(offline, "search", "globex", query="stove fingers")
    assert ([each.slug for each in found.found], found.by, found.cost_usd) == (["stove"], ["words"], 0)
    assert act(offline, "search", query="stove fingers").found == []
    assert act(offline, "remove", "globex", slug="stove").state == "removed"
    assert act(offline, "list", "globex").articles == []


def test_to_remove_what_is_not_there_fails_with_the_reason(offline: Bench) -> None:
    job = offline.run("service.knowledge", {"act": "remove", "slug": "stove"}, tenant="globex")
    assert job.error is not None
    assert (job.error.code, "'stove'" in job.error.message) == ("article_not_found", True)


def test_what_is_added_gets_vectors_at_once_and_what_they_cost_is_spent(
    online: Bench, provider: OpenAISimulator
) -> None:
    job = online.run("service.knowledge", {"act": "add", "document": STOVE})
    assert (job.result.embedded, job.result.articles[0].embedded) == (1, 1)
    assert job.result.cost_usd == pytest.approx(0.005)  # five words at 1,000 USD a million
    assert (provider.requests[0].body["model"], provider.requests[0].body["encoding_format"]) == (MODEL, "float")
    found = act(online, "search", query="something is hot")
    assert ([each.slug for each in found.found], found.by) == (["stove"], ["words", "vectors"])


def test_a_budget_that_has_no_room_leaves_it_at_words(online: Bench, provider: OpenAISimulator) -> None:
    job = online.run(
        "service.knowledge", {"act": "search", "query": "Kopfhörer koppeln"}, budget={"cost_usd": 0.000001}
    )
    assert ([each.slug for each in job.result.found], job.result.by) == (["pair-headphones"], ["words"])
    assert (provider.requests, bool(job.result.problem)) == ([], True)


def test_a_model_that_fails_leaves_it_at_words_and_index_makes_up_for_it(
    online: Bench, provider: OpenAISimulator
) -> None:
    works, provider.embedding = provider.embedding, Fault.error(500, "out_of_order")
    added = act(online, "add", document=STOVE)
    assert (added.state, added.embedded) == ("added", 0)
    assert "could not be reached or failed" in added.problem
    assert act(online, "search", query="the stove").found[0].slug == "stove"
    online.advance(600)  # until the breaker of the service lets one through
    provider.embedding = works
    done = act(online, "index")
    assert (done.embedded, done.left, done.problem) == (13, 0, "")


def test_another_model_makes_vectors_of_its_own(online: Bench, seeded: Path, provider: OpenAISimulator) -> None:
    act(online, "add", document=STOVE)
    with sandbox(seeded.read_bytes(), embeddings_model="another", embeddings_base_url=provider.url):
        act(online, "add", document=STOVE)
        assert {each.body["model"] for each in provider.requests} == {MODEL, "another"}


@pytest.mark.parametrize("embedded", [False, True], ids=["words", "vectors"])
def test_at_whichever_write_its_worker_dies_an_act_is_done_and_told_once(
    embedded: bool, seeded: Path, provider: OpenAISimulator, subtests: pytest.Subtests
) -> None:
    settings = {"embeddings_model": MODEL, "embeddings_base_url": provider.url} if embedded else {}
    for death in deaths():
        with subtests.test(death=death), sandbox(seeded.read_bytes(), **settings), MortalBench() as bench:
            assert outlived(bench, death, act="add", document=STOVE).state == "added"
            (listed,) = act(bench, "list", "globex").articles
            assert (listed.slug, listed.passages, listed.embedded) == ("stove", 1, int(embedded))
            assert outlived(bench, death, act="add", document={**STOVE, "title": "The oven"}).state == "replaced"
            (listed,) = act(bench, "list", "globex").articles
            assert (listed.title, listed.passages, listed.embedded) == ("The oven", 1, int(embedded))
            assert outlived(bench, death, act="add", document={**STOVE, "title": "The oven"}).state == "unchanged"
            assert outlived(bench, death, act="index").left == 0
            assert outlived(bench, death, act="remove", slug="stove").state == "removed"
            assert act(bench, "list", "globex").articles == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"act": "add"}, "add needs document"),
        ({"act": "search"}, "search needs query"),
        ({"act": "add", "document": {**STOVE, "slug": "The Stove"}}, "slug"),
        ({"act": "add", "document": {**STOVE, "sections": [{"text": " "}]}}, "there is no text in it"),
        ({"act": "add", "document": {**STOVE, "language": "german"}}, "language"),
    ],
)
def test_what_is_wrong_is_refused_with_field_and_reason(offline: Bench, fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        offline.run("service.knowledge", fields)
