"""Golden conversations with models that do as told: the shipped ones that rules cannot hold, and those beyond samples.

Of the latter the model misbehaves, or the data is no sample.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from babel.dates import format_datetime
from sqlalchemy import select

from backdesk.cli.options.attachments import attach
from backdesk.cli.options.golden import read_golden, with_files
from backdesk.cli.run.colleague import Colleague
from backdesk.client import JobClient
from backdesk.platform.database import Database
from backdesk.testing import Bench, sandbox
from backdesk.worker.model.job import DEFAULT_TENANT
from tests.support.openai_simulator import Calls, Fault, OpenAISimulator, Received, Refusal, Reply, Text

for _kind in ("account", "contextual", "evals", "organisation", "shopping", "streaming", "support", "voice"):
    import_module(f"backdesk.kinds.{_kind}.kind")  # registers it

FOLDER = Path(__file__).with_name("golden")
#: What these hold, besides what the conversations that are shipped do.
ROWS = {
    *("eager refund", "eager order", "injected document", "no answer", "spent", "too long", "too much"),
    *("refusal", "cut off", "gate", "own data"),
}
#: The time in what a tool has told a model, in the JSON of a request.
TOLD = re.compile(r'starts_at[\\": ]+([\dT:+-]+)')
#: What a conversation in `faults.yaml` has besides: settings of its deployment, and documents of the organisation.
BESIDES = ("settings", "documents")
OF_MODELS, OF_RULES = (read_golden([FOLDER / name]) for name in ("faults.yaml", "own_data.yaml"))
#: Those that are shipped and no rules can hold, and what a model that does its work answers in each, turn by turn.
BEYOND_RULES = [each for each in read_golden([]) if "offline" not in each["tags"]]
GOOD_MODELS: dict[str, list[list[dict[str, Any]]]] = {
    name: turns
    for file in sorted((FOLDER / "models").glob("*.yaml"))
    for name, turns in yaml.safe_load(file.read_text("utf-8")).items()
}


def named(conversations: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("golden", conversations, ids=lambda golden: golden["name"])


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench(watched=False) as bench:
        yield bench


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAISimulator]:
    with OpenAISimulator().running() as server:
        server.closes = True
        yield server


def reply(said: dict[str, Any]) -> Reply:
    """What a model answers, by how a conversation has it."""
    match said:
        case {"refuses": text}:
            return Refusal(text)
        case {"fails": status, **more}:
            return Fault.error(status, more.get("code", "simulated"))
        case {"calls": calls, **more}:
            return Calls(tuple(pair for each in calls for pair in each.items()), **more)
        case {"says": text, **more}:
            return Text(text, **more)
    raise AssertionError(f"{said} is nothing that a model does")


def dated(said: dict[str, Any], asked: dict[str, Any], language: str) -> dict[str, Any]:
    """Return what a model says with the last time that it was told where braces have a pattern for it."""
    if "{" not in said.get("says", ""):
        return said
    at = datetime.fromisoformat(TOLD.findall(json.dumps(asked))[-1])
    return said | {
        "says": re.sub(r"\{(.+?)\}", lambda each: format_datetime(at, each[1], locale=language), said["says"])
    }


def answered(answers: deque[dict[str, Any]], asked: Received, *, language: str) -> Reply:
    """Answer a request by the next of what a model says."""
    return reply(dated(answers.popleft(), asked.body, language)) if answers else Fault.error(400, "it has said all")


def without(names: Collection[str], written: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in written.items() if name not in names}


def keep_documents(database: Database, documents: list[dict[str, str]]) -> None:
    """Have the sample organisation `aurora` keep documents that one of its members wrote."""
    tables: Any = import_module("backdesk.kinds.organisation.tables")
    with database.of(DEFAULT_TENANT).write() as session:
        number = session.scalars(select(tables.Organisation.number).filter_by(id="aurora")).one()
        for document in documents:
            written = {"author": "ben", "written_on": database.today(), **document}
            session.add(tables.Document(organisation=number, **written))


def held(bench: Bench, golden: dict[str, Any]) -> list[tuple[int, str, str]]:
    """Hold a conversation, with the colleague that decides in it; return what of it came otherwise than it must."""
    with JobClient(settings=bench.settings, checks={}) as client:
        job = bench.run("evals.conversation", with_files(golden, partial(attach, client, DEFAULT_TENANT)))
        colleague = Colleague(client, DEFAULT_TENANT, {job.id: golden})
        for turn in golden["turns"]:
            if "person" in turn:
                colleague.answer()
                bench.go_on(job)
        assert colleague.unasked(job.id) == []
    return [(fault.turn, fault.check, fault.problem) for fault in job.result.faults]


def test_each_promise_that_is_a_matter_of_models_or_of_data_is_a_conversation() -> None:
    assert {tag for each in (*OF_MODELS, *OF_RULES) for tag in each["tags"]} >= ROWS


@named(OF_MODELS)
def test_whatever_a_model_does_the_customer_gets_what_is_promised(
    bench: Bench, server: OpenAISimulator, seeded: Path, golden: dict[str, Any]
) -> None:
    server.script.clear()
    server.requests.clear()
    server.rule = None
    server.will(*(reply(said) for turn in golden["turns"] for said in turn.get("model", ())))
    conversation = without(BESIDES, golden) | {"turns": [without(["model"], turn) for turn in golden["turns"]]}
    documents, settings = golden.get("documents", []), golden.get("settings", {})
    with sandbox(seeded.read_bytes(), api_key="sk-of-the-test", base_url=server.url, **settings) as database:
        keep_documents(database, documents)
        assert held(bench, conversation) == []
    assert not server.script, "the model was asked less often than it was to answer"
    seen = str([request.body for request in server.requests])
    assert all(document["body"] in seen for document in documents), "the model has not read what was to mislead it"


def test_of_each_shipped_conversation_that_rules_cannot_hold_it_is_written_what_a_good_model_answers() -> None:
    assert GOOD_MODELS.keys() == {golden["name"] for golden in BEYOND_RULES}


@named(BEYOND_RULES)
def test_with_a_model_that_does_its_work_each_shipped_conversation_comes_to_what_it_must(
    bench: Bench, server: OpenAISimulator, seeded: Path, golden: dict[str, Any]
) -> None:
    answers = deque(said for turn in GOOD_MODELS[golden["name"]] for said in turn)
    server.rule = partial(answered, answers, language=golden.get("language", "en"))
    with sandbox(seeded.read_bytes(), api_key="sk-of-the-test", base_url=server.url):
        assert held(bench, golden) == []
    assert not answers, "the model was asked less often than it was to answer"


@named(OF_RULES)
def test_rules_alone_move_nothing_of_real_customers(bench: Bench, seeded: Path, golden: dict[str, Any]) -> None:
    with sandbox(seeded.read_bytes(), samples=False):
        assert held(bench, golden) == []
