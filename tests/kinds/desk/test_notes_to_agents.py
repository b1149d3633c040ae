"""What agents hear of what their colleague did with a case: that, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest

from backdesk.client import JobClient
from backdesk.shop.testing import sample_shop
from backdesk.testing import Bench

for kind in ("desk", "notify", "support"):  # registers them, of which one is ours
    import_module(f"backdesk.kinds.{kind}.kind")
PLEA = {"message": "I want to talk to a human being, please", "customer_id": "cust-8"}


@pytest.fixture
def bench() -> Iterator[Bench]:
    with sample_shop(), Bench() as bench:
        yield bench


def noted(bench: Bench, *acts: str, text: str | None = None) -> str:
    """Do these with a new case; the note to the agents by the last of them."""
    bench.run("support.request", PLEA, conversation_id="talk")
    (case,) = bench.run("service.desk", {"act": "list"}).result.cases
    for act in acts:
        request = {"act": act, "case": case.case, "by": "ada", "conversation_id": "talk"}
        said = {"text": "Hello."} if act == "reply" else {"text": text} if act == acts[-1] else {}
        assert not bench.run("service.desk", request | said).error
    with JobClient(settings=bench.settings, checks={}) as client:
        return str(client.conversations.get("talk").turns[-1].messages[0]["parts"][0]["content"])


@pytest.mark.parametrize(
    ("acts", "note"),
    [
        (["close"], "Your colleague ada has closed the case E-000001."),
        (["take", "close"], "Your colleague ada has closed the case E-000001 and handed the conversation back to you."),
        (
            ["take", "reply", "close"],
            "Your colleague ada has spoken with the customer, closed the case E-000001 and handed the conversation "
            "back to you.",
        ),
        (
            ["take", "hand_back"],
            "Your colleague ada has left the case E-000001 and handed the conversation back to you.",
        ),
    ],
)
def test_agents_are_told_what_was_done_and_no_more(bench: Bench, acts: list[str], note: str) -> None:
    assert noted(bench, *acts) == note


def test_what_the_colleague_notes_comes_after_it(bench: Bench) -> None:
    assert noted(bench, "close", text="Solved by phone.").endswith("E-000001. They note: Solved by phone.")
