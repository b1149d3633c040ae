"""What agents leave to people is in their queue, and what they say is in the conversation; on real workers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backdesk.client import JobClient
from backdesk.service.cases_contract import Case
from backdesk.worker.errors import JobFailed
from tests.support.deployment import shop_fleet
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.workers import Fleet

TASKS = "backdesk.kinds.support.kind,backdesk.kinds.desk.kind,backdesk.kinds.notify.kind"
PLEA = "I want to talk to a human being, please"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, seeded: Path) -> Iterator[Fleet]:
    """A worker that answers, without a model, and one that has the desk."""
    folder = tmp_path_factory.mktemp("desk")
    with shop_fleet(folder, seeded) as fleet:
        fleet.start_workers("agents", "tools", slots=1, BACKDESK_TASK_MODULES=TASKS)
        yield fleet


@pytest.fixture
def client(fleet: Fleet) -> JobClient:
    return fleet.jobs


def say(client: JobClient, message: str, talk: str) -> dict[str, Any]:
    request = {"message": message, "customer_id": "cust-8"}
    answer: dict[str, Any] = client.submit("support.request", request, conversation_id=talk).result(PATIENCE_S)
    return answer


def case_of(client: JobClient, talk: str) -> Case:
    (case,) = [case for case in client.desk.list(timeout=PATIENCE_S) if case.conversation_id == talk]
    return case


def said(client: JobClient, talk: str) -> list[str]:
    parts = [part for turn in client.conversations.get(talk).turns for each in turn.messages for part in each["parts"]]
    return [part["content"] for part in parts if part["part_kind"] in ("user-prompt", "text", "system-prompt")]


def refused(error: pytest.ExceptionInfo[JobFailed]) -> str:
    return error.value.failure.code


def test_a_promise_to_a_customer_has_a_case_in_the_queue(client: JobClient) -> None:
    answer = say(client, PLEA, "promise")
    case = case_of(client, "promise")
    (promise,) = [each for each in answer["actions"] if each["type"] == "escalation"]
    assert (case.case, f"{case.due_at:%FT%TZ}"[:16]) == (promise["escalation_id"], promise["respond_by"][:16])
    assert (case.state, case.customer_id) == ("open", "cust-8")


def test_while_a_person_has_the_conversation_the_agents_are_silent(client: JobClient) -> None:
    say(client, PLEA, "silent")
    case = case_of(client, "silent")
    client.desk.take(case.case, "ada", timeout=PATIENCE_S)
    answer = say(client, "Is anybody there?", "silent")
    assert (answer["with_person"], answer["answer"], answer["usage"]["requests"]) == (True, "", 0)
    client.desk.reply(case.case, "ada", "I am Ada, a human.", timeout=PATIENCE_S)
    assert said(client, "silent")[-2:] == ["Is anybody there?", "I am Ada, a human."]
    assert say(client, "Good!", "silent")["with_person"]


def test_a_case_and_a_reply_are_told_once_each(fleet: Fleet, client: JobClient) -> None:
    say(client, PLEA, "told")
    case = case_of(client, "told").case
    client.desk.take(case, "ada", timeout=PATIENCE_S)
    client.desk.reply(case, "ada", "I am on it.", timeout=PATIENCE_S)

    def told() -> list[tuple[str, str]]:
        path = fleet.settings.data_dir / "notifications.jsonl"
        letters = map(json.loads, path.read_text("utf-8").splitlines() if path.exists() else [])
        return sorted((each["to"], each["event"]) for each in letters if each["data"].get("case") == case)

    eventually(lambda: len(told()) >= 2, what="both notifications")
    assert told() == [("customer", "case.replied"), ("staff", "case.opened")]


def test_handed_back_the_agents_answer_again_and_have_the_note(client: JobClient) -> None:
    say(client, PLEA, "back")
    case = case_of(client, "back")
    client.desk.take(case.case, "ada", timeout=PATIENCE_S)
    back = client.desk.hand_back(case.case, "ada", "They know of the delay.", timeout=PATIENCE_S)
    assert (back.state, back.holder) == ("open", None)
    assert said(client, "back")[-1].endswith("They note: They know of the delay.")
    answer = say(client, "How do I pair my headphones?", "back")
    assert not answer["with_person"]
    assert answer["answer"]


def test_a_case_has_one_holder_who_alone_replies(client: JobClient) -> None:
    say(client, PLEA, "held")
    case = case_of(client, "held").case
    with pytest.raises(JobFailed) as unheld:
        client.desk.reply(case, "ada", "Hello", timeout=PATIENCE_S)
    client.desk.take(case, "ada", timeout=PATIENCE_S)
    with pytest.raises(JobFailed) as taken:
        client.desk.take(case, "ben", timeout=PATIENCE_S)
    assert (refused(unheld), refused(taken)) == ("case_not_yours", "case_taken")
    assert [entry.deed for entry in client.desk.show(case, timeout=PATIENCE_S).entries] == ["opened", "taken"]


def test_a_score_of_a_closed_case_is_kept_and_in_statistics(client: JobClient) -> None:
    say(client, PLEA, "scored")
    case = case_of(client, "scored").case
    with pytest.raises(JobFailed) as early:
        client.desk.rate(case, 5, timeout=PATIENCE_S)
    client.desk.close(case, "ada", timeout=PATIENCE_S)
    assert client.desk.rate(case, 4, "quick", timeout=PATIENCE_S).score == 4
    assert refused(early) == "case_open"
    assert case not in [each.case for each in client.desk.list(timeout=PATIENCE_S)]
    eventually(lambda: "csat" in str(client.stats(kind="service.desk")), what="the score in statistics")


def test_what_the_customer_answers_to_the_question_is_their_score(client: JobClient) -> None:
    say(client, PLEA, "asked")
    case = case_of(client, "asked").case
    client.desk.close(case, "ada", timeout=PATIENCE_S)
    assert say(client, "3", "asked")["agent"] == "rating"
    eventually(lambda: client.desk.show(case, timeout=PATIENCE_S).cases[0].score == 3, what="the score of the customer")
    (rated,) = [entry for entry in client.desk.show(case, timeout=PATIENCE_S).entries if entry.deed == "rated"]
    assert rated.by == "customer"


def test_another_tenant_has_other_cases(client: JobClient) -> None:
    say(client, PLEA, "ours")
    case = case_of(client, "ours").case
    assert client.desk.list(tenant="globex", timeout=PATIENCE_S) == []
    with pytest.raises(JobFailed) as foreign:
        client.desk.show(case, tenant="globex", timeout=PATIENCE_S)
    assert refused(foreign) == "case_not_found"
