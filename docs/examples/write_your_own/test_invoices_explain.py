"""How `invoices.explain` behaves: the real engine on a bench, without a server to start, a model to pay or a pause."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from backdesk.testing import Bench, Call, Fail, Say, sandbox, scripted

from invoices_explain import CREDITS, InvoiceCredited

LOOK_UP = Call("look_up_invoice", {"number": "INV-8"})
HAND_OVER = Call("hand_over", {"to": "accounts", "reason": "The machine was never ordered."})
CREDIT = Call("credit_invoice", {"number": "INV-8", "cents": 64_900})


@pytest.fixture
def bench() -> Iterator[Bench]:
    CREDITS.clear()
    with Bench() as bench, sandbox():
        yield bench


def test_an_invoice_is_explained(bench: Bench) -> None:
    with scripted(Call("look_up_invoice", {"number": "INV-7"}), Say("A kettle, and its delivery.")) as model:
        job = bench.run("invoices.explain", {"message": "What is INV-7 for?"}, tenant="acme")
    assert job.result.answer == job.text == "A kettle, and its delivery."
    assert [(call.name, call.outcome, call.summary) for call in job.tool_calls] == [
        ("look_up_invoice", "success", 'number: INV-7, cents: {"Kettle": 4900, "Express delivery": 900}')
    ]
    assert model.requests[1].replies_of("look_up_invoice")[0].data["cents"]["Kettle"] == 4_900


def test_what_is_wrong_is_handed_over(bench: Bench) -> None:
    with scripted(LOOK_UP, HAND_OVER, Say("I look into it.")) as model:
        job = bench.run("invoices.explain", {"message": "INV-8 is wrong."})
    assert job.result.path == ["clerk", "accounts"]
    assert "credit_invoice" in model.requests[2].tools - model.requests[1].tools


def test_a_large_credit_waits_for_a_colleague(bench: Bench) -> None:
    with scripted(LOOK_UP, HAND_OVER, CREDIT, Say("It is credited.")):
        job = bench.run("invoices.explain", {"message": "INV-8 is wrong."})
        assert (job.state, job.asks[0].prompt) == ("waiting", "Credit 649.00 EUR on INV-8?")
        assert CREDITS == {}
        bench.approve(job, by="ada")
    assert job.result.answer == "It is credited."
    assert len(CREDITS) == 1


def test_a_credit_that_is_denied_is_not_given(bench: Bench) -> None:
    with scripted(LOOK_UP, HAND_OVER, CREDIT, Say("I am sorry.")) as model:
        job = bench.deny(bench.run("invoices.explain", {"message": "INV-8 is wrong."}), note="it was ordered")
    assert job.result.answer == "I am sorry."
    assert "it was ordered" in model.requests[3].replies_of("credit_invoice")[0].problem
    assert CREDITS == {}


def test_a_question_that_nobody_answers_is_a_denial_in_the_end(bench: Bench) -> None:
    job = bench.run("invoices.explain", {"message": "INV-8 is wrong."})
    bench.advance(7 * 86_400)
    assert "did not give it" in bench.go_on(job).result.answer


def test_a_busy_model_is_asked_again_and_no_tool_called_twice(bench: Bench) -> None:
    with scripted(LOOK_UP, Fail("model_rate_limit", retry_after_s=60), Say("A machine.")):
        job = bench.run("invoices.explain", {"message": "What is INV-8 for?"})
    assert job.result.answer == "A machine."
    assert len(job.tool_calls) == 1


def test_a_credit_is_given_once_whenever_the_worker_dies(bench: Bench) -> None:
    for after in itertools.count():
        CREDITS.clear()
        job = bench.submit("invoices.explain", {"message": "INV-7 is wrong."})
        died = bench.lose(job, after=after)
        if bench.go_on(job).state == "waiting":
            bench.approve(job)
        assert job.result.answer == "It is credited by CN-1."
        assert job.result.actions == [InvoiceCredited(note="CN-1", cents=5_800)]
        assert len(CREDITS) == 1
        if not died:
            break
