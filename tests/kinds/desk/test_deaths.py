"""Wherever the worker of an act of the desk dies, the act is done, and once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from backdesk.client import JobClient
from backdesk.platform.database import Database
from backdesk.platform.deployment import deployment
from backdesk.shop.testing import sample_shop
from tests.support.mortal_bench import Death, MortalBench, deaths

PLEA = {"message": "I want to talk to a human being, please", "customer_id": "cust-8"}
#: All that people do with a case, in an order in which they may.
LIFE: list[dict[str, Any]] = [
    {"act": "take"},
    {"act": "reply", "text": "I am Ada."},
    {"act": "note", "text": "Called."},
    {"act": "hand_back", "text": "Agreed."},
    {"act": "close", "text": "Done."},
    {"act": "rate", "score": 4},
]


def desk(bench: MortalBench, **request: Any) -> Any:
    return bench.run("service.desk", request).result


def opened(bench: MortalBench) -> str:
    bench.run("support.request", PLEA, conversation_id="talk")
    (case,) = desk(bench, act="list").cases
    return str(case.case)


def told(bench: MortalBench) -> Counter[str]:
    """How often people and channels were told of each event, once all that was started is done."""
    with JobClient(settings=bench.settings, checks={}) as client:
        for record in client.list(kind="notify.send").items:
            bench.go_on(bench.job(record.id))
    lines = (deployment().settings.data_dir / "notifications.jsonl").read_text("utf-8").splitlines()
    return Counter(json.loads(line)["event"] for line in lines)


def words(bench: MortalBench) -> list[str]:
    """What the desk has added to the conversation, turn by turn."""
    with JobClient(settings=bench.settings, checks={}) as client:
        turns = client.conversations.get("talk").turns[1:]
    return [" / ".join(part["content"] for message in turn.messages for part in message["parts"]) for turn in turns]


def lived(death: Death | None) -> tuple[Any, ...]:
    """What is left of a case whose every act this death befalls."""
    with sample_shop(), MortalBench() as bench:
        case = opened(bench)
        for act in LIFE:
            job = bench.submit("service.desk", {"case": case, "by": "ada", "conversation_id": "talk"} | act)
            done = bench.outlive(job, death) if death else bench.go_on(job)
            assert not done.error
        shown = desk(bench, act="show", case=case)
        with JobClient(settings=bench.settings, checks={}) as client:
            groups = client.stats(by="kind").groups
        ratings = sum(group.measures["csat"].count for group in groups if "csat" in group.measures)
        deeds = [(entry.deed, entry.by, entry.text) for entry in shown.entries[1:]]
        return deeds, shown.cases[0].state, shown.cases[0].score, words(bench), told(bench), ratings


def test_at_whichever_write_its_worker_dies_an_act_is_done_once(subtests: pytest.Subtests) -> None:
    undisturbed = lived(None)
    deeds, state, score, said, letters, ratings = undisturbed
    assert [deed for deed, *_ in deeds] == ["taken", "replied", "noted", "handed_back", "closed", "rated"]
    assert (state, score, ratings) == ("closed", 4, 1)
    assert said.count("I am Ada.") == 1
    assert letters == {"case.opened": 1, "case.replied": 1, "case.closed": 1}
    for death in deaths():
        with subtests.test(death=death):
            assert lived(death) == undisturbed


def test_at_whichever_write_its_worker_dies_an_overdue_case_is_raised_and_told_once(
    subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch
) -> None:
    for death in deaths():
        with subtests.test(death=death), sample_shop(), MortalBench() as bench:
            monkeypatch.setattr(Database, "now", lambda _self, bench=bench: bench.now)
            case = opened(bench)
            bench.advance(timedelta(days=10))
            job = bench.submit("service.desk", {"act": "escalate_overdue"})
            assert [each.case for each in bench.outlive(job, death).result.cases] == [case]
            shown = desk(bench, act="show", case=case)
            assert [entry.deed for entry in shown.entries] == ["opened", "overdue"]
            assert (shown.cases[0].priority, told(bench)["case.overdue"]) == ("urgent", 1)
