"""The model and the shop of a test, under the agents that ship."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

import backdesk.kinds.support.kind  # noqa: F401 - registers the kind
from backdesk.agents.failures import CODES
from backdesk.agents.runtime.errors import error_of, failure_of
from backdesk.agents.situation import MODEL_FAULTS, Situation
from backdesk.platform.database import Database
from backdesk.platform.deployment import deployment, reset
from backdesk.shop.tables import Order, Refund
from backdesk.shop.testing import sample_shop
from backdesk.testing import Bench, Call, Fail, Say, ScriptExhausted, scripted
from backdesk.testing.job import BenchJob
from backdesk.worker.errors import ConfigurationError
from tests.kinds.support.asking import customer_of

TO_BILLING = Call("hand_over", {"to": "billing", "reason": "a delivery"})
LOOK_UP = Call("look_up_order", {"order_number": 10003})
ON_ITS_WAY = Say("It is on its way.")


@pytest.fixture
def shop() -> Iterator[Database]:
    with sample_shop() as shop:
        yield shop


def ask(bench: Bench, message: str = "Where is order 10003?", **options: object) -> BenchJob:
    return bench.run("support.request", {"message": message, "customer_id": customer_of(message), **options})


# --- the script ---


@pytest.mark.parametrize("watched", [True, False])
def test_a_script_answers_in_its_order_streamed_or_not(bench: Bench, shop: Database, watched: bool) -> None:
    bench.watched = watched
    with scripted(TO_BILLING, LOOK_UP, ON_ITS_WAY) as model:
        job = ask(bench)
    assert (job.result.answer, job.result.path) == ("It is on its way.", ["triage", "billing"])
    assert (job.result.model, job.result.offline) == ("scripted", False)
    assert [(call.name, call.args, call.outcome) for call in job.tool_calls] == [
        ("look_up_order", {"order_number": 10003}, "success")
    ]
    assert job.text == ("It is on its way." if watched else "")
    assert [request.streamed for request in model.requests] == [watched] * 3


def test_a_test_sees_what_the_model_was_asked(bench: Bench, shop: Database) -> None:
    with scripted(TO_BILLING, LOOK_UP, ON_ITS_WAY) as model:
        ask(bench)
    first, second, third = model.requests
    assert "first contact of an online shop" in first.instructions
    assert first.tools == set()
    assert first.outputs == {"ask_customer", "hand_over"}
    assert "look_up_payments" in second.tools
    assert [(spoken.role, spoken.text, spoken.tool) for spoken in third.messages] == [
        ("customer", "Where is order 10003?", ""),
        ("call", "", "hand_over"),
        ("tool", "success", "hand_over"),
        ("call", "", "look_up_order"),
        ("tool", "success", "look_up_order"),
    ]
    assert third.messages[3].data == {"order_number": 10003}
    assert third.replies_of("look_up_order")[0].data["status"] == "delivered"


def test_several_calls_of_one_line_are_made_at_the_same_time(bench: Bench, shop: Database) -> None:
    payments = Call("look_up_payments", {"order_number": 10003})
    with scripted(TO_BILLING, (LOOK_UP, payments), ON_ITS_WAY) as model:
        job = ask(bench)
    assert {call.name for call in job.tool_calls} == {"look_up_order", "look_up_payments"}
    assert len(model.requests) == 3


def test_a_rule_decides_by_the_situation_when_the_lines_are_used_up(bench: Bench, shop: Database) -> None:
    def rule(now: Situation) -> Say:
        return Say(f"You said: {now.message}" if "look_up_payments" in now.tools else "I look up no payments.")

    with scripted(TO_BILLING, rule=rule):
        assert ask(bench).result.answer == "You said: Where is order 10003?"


def test_a_request_beyond_the_script_fails_the_job_and_the_test(bench: Bench, shop: Database) -> None:
    def run() -> None:
        with scripted(TO_BILLING):
            jobs.append(ask(bench))

    jobs: list[BenchJob] = []
    with pytest.raises(ScriptExhausted, match=r"request 2 to the model is beyond its script of 1; .* 'hand_over'; "):
        run()
    assert jobs[0].error is not None
    assert jobs[0].error.code == "script_exhausted"


def test_an_error_of_the_test_goes_before_that_of_its_script(bench: Bench, shop: Database) -> None:
    def run() -> None:
        with scripted():
            assert ask(bench).state == "succeeded"

    with pytest.raises(AssertionError):
        run()


def test_lines_that_were_not_said_are_known(bench: Bench, shop: Database) -> None:
    with scripted(TO_BILLING, ON_ITS_WAY, Say("never")) as model:
        ask(bench)
    assert model.unused == [Say("never")]


def test_a_line_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="not 'Hello'"), scripted("Hello"):  # type: ignore[arg-type]  # the mistake
        pass


def test_what_an_answer_costs_is_counted(bench: Bench, shop: Database) -> None:
    with scripted(TO_BILLING, ON_ITS_WAY, cost_usd=0.25):
        assert ask(bench).result.usage.cost_usd == 0.5


def test_scripts_may_enclose_each_other(bench: Bench, shop: Database) -> None:
    with scripted(TO_BILLING, Say("outer")):
        with scripted(TO_BILLING, Say("inner")):
            assert ask(bench).result.answer == "inner"
        assert ask(bench).result.answer == "outer"
    assert ask(bench).result.offline


# --- a model that does what it should not ---


@pytest.mark.parametrize(
    ("nonsense", "watched"),
    [
        (Say(""), True),
        (Say(""), False),
        (Call("no_such_tool", {}), True),
        (Call("look_up_order", "{not json"), True),
        (Call("look_up_order", "{not json"), False),
        (Call("look_up_order", {"order": 1}), True),
    ],
)
def test_a_model_is_corrected_whatever_it_says(
    bench: Bench, shop: Database, nonsense: Say | Call, watched: bool
) -> None:
    bench.watched = watched
    with scripted(TO_BILLING, nonsense, LOOK_UP, ON_ITS_WAY) as model:
        assert ask(bench).result.answer == "It is on its way."
    assert model.unused == []


@pytest.mark.parametrize(
    ("code", "watched"),
    [
        ("model_rate_limit", True),
        ("model_unavailable", True),
        ("model_unavailable", False),
        ("model_timeout", True),
        ("model_misbehaved", True),
    ],
)
def test_a_model_that_fails_for_now_is_asked_again(bench: Bench, shop: Database, code: str, watched: bool) -> None:
    bench.watched = watched
    with scripted(TO_BILLING, Fail(code), ON_ITS_WAY):
        job = ask(bench)
    assert job.result.answer == "It is on its way."
    assert [attempt.error.code for attempt in job.record.attempts if attempt.error] == [code]


@pytest.mark.parametrize("code", ["model_auth", "model_quota", "model_rejected", "model_not_found"])
def test_a_model_that_fails_for_good_leaves_the_answer_to_the_fallback(bench: Bench, shop: Database, code: str) -> None:
    with scripted(Fail(code)):
        job = ask(bench)
    assert job.result.degraded == "fallback_answer"
    assert job.record.degraded is not None
    assert job.record.degraded.code == code


def test_a_provider_that_asks_for_patience_gets_it_at_once(bench: Bench, shop: Database) -> None:
    began = bench.now
    with scripted(*[Fail("model_rate_limit", retry_after_s=1800)] * 3, TO_BILLING, ON_ITS_WAY):
        assert ask(bench).result.answer == "It is on its way."
    assert (bench.now - began).total_seconds() >= 3 * 1800


def test_a_model_that_fails_again_and_again_leaves_the_answer_to_the_fallback(bench: Bench, shop: Database) -> None:
    with scripted(rule=lambda _: Fail("model_unavailable")):
        job = bench.run("support.request", {"message": "Hello?", "customer_id": "cust-3"}, retry={"attempts": 2})
    assert job.result.agent == "fallback"
    assert job.record.degraded is not None
    assert job.record.degraded.code == "model_unavailable"


def test_of_a_stream_that_breaks_off_nobody_sees_what_has_not_passed(bench: Bench, shop: Database) -> None:
    with scripted(TO_BILLING, Fail("model_unavailable", after="It is on"), ON_ITS_WAY):
        job = ask(bench)
    assert job.text == job.result.answer == "It is on its way."


@pytest.mark.parametrize("code", sorted(MODEL_FAULTS))
def test_every_failure_of_a_model_is_that_of_the_job(code: str) -> None:
    error = error_of(code, "scripted", retry_after_s=None, in_stream=False)
    assert failure_of(error).code == code


@pytest.mark.parametrize("code", ["out_of_paper", *sorted(CODES - MODEL_FAULTS)])
def test_a_failure_that_no_model_has_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match=f"'{code}' is no failure of a model; these are: model_auth, "):
        Fail(code)


# --- the shop ---


def test_a_shop_is_fresh_each_time_and_gone_afterwards() -> None:
    with sample_shop() as shop:
        folder = Path(deployment().settings.data_dir)
        with shop.of_all_tenants().write() as session:
            session.execute(update(Order).values(status="lost"))
    assert not folder.exists()
    with sample_shop() as shop, shop.of_all_tenants().read() as session:
        assert session.scalar(select(func.count()).select_from(Order).where(Order.status == "lost")) == 0


@pytest.mark.usefixtures("waived")
def test_bodies_change_the_shop_that_the_test_looks_into(bench: Bench, shop: Database) -> None:
    ask(bench, "I want a refund for order 10003, please.")
    with shop.of_all_tenants().read() as session:
        assert session.scalar(select(func.count()).select_from(Refund).where(Refund.order_number == 10003)) == 1


@pytest.mark.usefixtures("waived")
def test_a_shop_takes_settings_by_name_and_none_from_the_machine(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-this-machine")
    monkeypatch.setenv("BACKDESK_MAX_HANDOFFS", "9")
    with sample_shop(refund_limit_cents=0):
        assert (deployment().settings.offline, deployment().settings.max_handoffs) == (True, 3)
        job = ask(bench, "I want a refund for order 10003, please.")
        assert job.state == "waiting"
        assert bench.approve(job, by="ada").result.actions[0].order_number == 10003


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [({"refund_limit": 1}, "no setting refund_limit"), ({"max_handoffs": 0}, "BACKDESK_MAX_HANDOFFS: .*greater")],
)
def test_a_setting_that_does_not_fit_is_refused(setting: dict[str, int], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint), sample_shop(**setting):
        pass


def test_what_there_was_before_a_shop_is_there_after_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BACKDESK_DATA_DIR", str(tmp_path))
    reset()
    mine = deployment()
    with sample_shop():
        assert deployment() is not mine
    assert deployment() is mine
    reset()


async def test_shop_and_script_serve_an_async_test(bench: Bench, shop: Database) -> None:
    with scripted(TO_BILLING, ON_ITS_WAY):
        job = await asyncio.to_thread(ask, bench)
    assert job.result.answer == "It is on its way."


def test_a_conversation_goes_on_from_one_job_to_the_next(bench: Bench, shop: Database) -> None:
    with scripted(Call("ask_customer", {"question": "Which order?"}), TO_BILLING, ON_ITS_WAY) as model:
        asked = ask(bench, "Where is it?")
        assert asked.result.clarifying
        assert ask(bench, "10003", conversation_id=asked.result.conversation_id).result.answer == "It is on its way."
    assert model.requests[1].said == ("Where is it?", "10003")


# --- a worker that dies at every moment ---


@pytest.mark.usefixtures("waived")
def test_a_refund_is_made_once_whenever_its_worker_dies(bench: Bench) -> None:
    after, died = 0, True
    while died:
        with sample_shop() as shop:
            job = bench.submit(
                "support.request", {"message": "I want a refund for order 10003, please.", "customer_id": "cust-3"}
            )
            died = bench.lose(job, after=after)
            assert "R-10003" in bench.go_on(job).result.answer
            with shop.of_all_tenants().read() as session:
                assert session.scalar(select(func.count()).select_from(Refund).where(Refund.order_number == 10003)) == 1
        after += 1
    assert after > 8
