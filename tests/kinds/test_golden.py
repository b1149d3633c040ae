"""Golden conversations that `backdesk eval` cannot hold: their model misbehaves as told, or their data is no sample."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from backdesk.cli.options.golden import read_golden
from backdesk.testing import Bench, sandbox
from tests.support.openai_simulator import Calls, Fault, OpenAISimulator, Refusal, Reply, Text

for _kind in ("evals", "shopping", "support"):
    import_module(f"backdesk.kinds.{_kind}.kind")  # registers it

FOLDER = Path(__file__).with_name("golden")
#: What these hold, besides what the conversations that are shipped do.
ROWS = {"eager", "no answer", "refusal", "cut off", "gate", "own data"}
OF_MODELS, OF_RULES = (read_golden([FOLDER / name]) for name in ("faults.yaml", "own_data.yaml"))


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
        case {"fails": status}:
            return Fault.error(status, "simulated")
        case {"calls": calls, **more}:
            return Calls(tuple(pair for each in calls for pair in each.items()), **more)
        case {"says": text, **more}:
            return Text(text, **more)
    raise AssertionError(f"{said} is nothing that a model does")


def held(bench: Bench, golden: dict[str, Any]) -> list[tuple[int, str, str]]:
    """Hold a conversation, and return what of it came otherwise than it must."""
    report = bench.run("evals.conversation", golden).result
    return [(fault.turn, fault.check, fault.problem) for fault in report.faults]


def test_each_promise_that_is_a_matter_of_models_or_of_data_is_a_conversation() -> None:
    assert {tag for each in (*OF_MODELS, *OF_RULES) for tag in each["tags"]} >= ROWS


@named(OF_MODELS)
def test_whatever_a_model_does_the_customer_gets_what_is_promised(
    bench: Bench, server: OpenAISimulator, seeded: Path, golden: dict[str, Any]
) -> None:
    server.script.clear()
    turns = [{name: value for name, value in turn.items() if name != "model"} for turn in golden["turns"]]
    server.will(*(reply(said) for turn in golden["turns"] for said in turn.get("model", ())))
    with sandbox(seeded.read_bytes(), api_key="sk-of-the-test", base_url=server.url):
        assert held(bench, {**golden, "turns": turns}) == []
    assert not server.script, "the model was asked less often than it was to answer"


@named(OF_RULES)
def test_rules_alone_move_nothing_of_real_customers(bench: Bench, seeded: Path, golden: dict[str, Any]) -> None:
    with sandbox(seeded.read_bytes(), samples=False):
        assert held(bench, golden) == []
