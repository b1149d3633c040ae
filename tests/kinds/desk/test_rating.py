"""When a case is closed the customer is asked how content they are, and a number for an answer is kept."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from backdesk.agents import AgentResult, Variant
from backdesk.agents.rating import score_of
from backdesk.client import JobClient
from backdesk.shop.testing import sample_shop
from backdesk.testing import Bench, BenchJob
from backdesk.worker.model.job import JobState
from tests.support.mortal_bench import MortalBench, deaths

PLEA = "I want to talk to a human being, please"


def say(bench: Bench, message: str) -> BenchJob:
    request = {"message": message, "customer_id": "cust-8"}
    return bench.run("support.request", request, conversation_id="talk")


def close(bench: Bench) -> str:
    (case,) = bench.run("service.desk", {"act": "list"}).result.cases
    bench.run("service.desk", {"act": "close", "case": case.case, "by": "ada", "conversation_id": "talk"})
    return str(case.case)


def score(bench: Bench) -> int | None:
    """The score of the only case, once all that was started is done."""
    with JobClient(settings=bench.settings, checks={}) as client:
        for record in client.list(kind="service.desk", state=JobState.QUEUED).items:
            bench.go_on(bench.job(record.id))
    (case,) = bench.run("service.desk", {"act": "list", "state": "closed"}).result.cases
    found: int | None = case.score
    return found


def counted(bench: Bench) -> dict[str, int]:
    """How many ratings are in the statistics of each kind."""
    with JobClient(settings=bench.settings, checks={}) as client:
        groups = client.stats(by="kind").groups
    return {each.name: each.measures["csat"].count for each in groups if "csat" in each.measures}


def asked(bench: Bench) -> str:
    """The last words of the conversation, and of the last notification."""
    with JobClient(settings=bench.settings, checks={}) as client:
        (told, *_) = client.list(kind="notify.send").items
        said = client.conversations.get("talk").turns[-1].messages[-1]["parts"][-1]["content"]
    request: Any = told.request
    assert (request["to"], request["event"], request["text"]) == ("customer", "case.closed", said)
    return str(said)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("Thank you, I am waiting.", "How content are you"),
        ("Danke, ich warte auf Ihre Antwort.", "Wie zufrieden sind Sie"),
    ],
)
def test_a_customer_is_asked_in_their_language_when_their_case_is_closed(bench: Bench, more: str, words: str) -> None:
    say(bench, PLEA)
    say(bench, more)
    close(bench)
    assert words in asked(bench)


def test_a_number_for_an_answer_is_kept_once_and_no_model_is_asked_whatever_dies(subtests: pytest.Subtests) -> None:
    for death in deaths():
        with subtests.test(death=death), sample_shop(), MortalBench() as bench:
            say(bench, PLEA)
            case = close(bench)
            job = bench.submit("support.request", {"message": "4", "customer_id": "cust-8"}, conversation_id="talk")
            result: AgentResult = bench.outlive(job, death).result
            assert (result.agent, result.usage.requests) == ("rating", 0)
            assert result.answer == "Thank you, we have noted that."
            assert (score(bench), counted(bench)) == (4, {"support.request": 1})
            again = bench.run("service.desk", {"act": "rate", "case": case, "score": 1})
            assert again.error
            assert (again.error.code, score(bench)) == ("case_rated", 4)


def test_anything_else_is_for_the_agents_and_a_later_number_rates_nothing(bench: Bench) -> None:
    say(bench, PLEA)
    close(bench)
    answers = [say(bench, message).result for message in ("How do I pair my headphones?", "5")]
    assert "rating" not in [answer.agent for answer in answers]
    assert score(bench) is None


def test_agents_know_after_a_rating_what_they_knew_before(bench: Bench) -> None:
    say(bench, PLEA)
    close(bench)
    say(bench, "5")
    assert say(bench, "How do I pair my headphones?").result.agent != "rating"


@pytest.mark.parametrize(
    ("message", "score"),
    [("5", 5), (" 3. ", 3), ("4/5", 4), ("4 / 5!", 4), ("\uff15", 5), ("\u2b50\u2b50\u2b50", 3), ("5 \u2b50", 5)]
    + [(other, None) for other in ("0", "6", "55", "5 lamps, please", "10003", "five", "", "4.5")],
)
def test_only_a_plain_number_from_1_to_5_is_a_rating(message: str, score: int | None) -> None:
    assert score_of(message) == score


def test_a_rating_counts_for_the_variants_of_prompts_in_its_conversation(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    support: Any = import_module("backdesk.kinds.support.kind")
    triage = replace(support.TRIAGE, variants=(Variant("brief", "Hand over.", share=1.0),))
    monkeypatch.setattr(support, "SUPPORT", replace(support.SUPPORT, agents=(triage, *support.SUPPORT.agents[1:])))
    say(bench, PLEA)
    close(bench)
    say(bench, "4")
    assert score(bench) == 4
    with JobClient(settings=bench.settings, checks={}) as client:
        (brief,) = client.stats(by="variant").groups
    assert brief.name == "support.request triage=brief"
    assert (brief.measures["escalated"].sum, brief.measures["csat"].mean) == (1, 4)


def test_a_rating_counts_once_for_the_kind_that_has_the_conversation(bench: Bench) -> None:
    say(bench, PLEA)
    close(bench)
    say(bench, "4")
    assert score(bench) == 4
    assert counted(bench) == {"support.request": 1}


def test_a_rating_that_a_colleague_records_counts_for_the_desk(bench: Bench) -> None:
    say(bench, PLEA)
    bench.run("service.desk", {"act": "rate", "case": close(bench), "score": 5})
    assert counted(bench) == {"service.desk": 1}


def test_where_nobody_is_to_be_asked_the_customer_only_hears_that_it_is_closed() -> None:
    with sample_shop(ask_rating=False), Bench() as bench:
        say(bench, PLEA)
        case = close(bench)
        assert asked(bench) == f"Your request {case} is closed."
        assert say(bench, "5").result.agent != "rating"
        assert score(bench) is None
