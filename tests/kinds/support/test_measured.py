"""What agents measure of each message: how soon and fast the model wrote, hand-overs, and how good the answer was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from backdesk.agents.metering import ModelRequest, RequestUsage
from backdesk.agents.reporter import Reporter
from backdesk.agents.stopwatch import Stopwatch
from backdesk.kinds.support.contract import SupportRequest
from backdesk.kinds.support.kind import support_request
from backdesk.quality.contract import Review
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.job import Usage
from tests.support.contexts import task_context
from tests.support.memory import Memory
from tests.support.openai_simulator import OpenAISimulator, Text, call
from tests.support.recording import Recording, claim_of, context_of

TO_REFUND = call("hand_over", to="refund", reason="wants money back")
DONE = Text("Your parcel is on its way.")
REFUND = SupportRequest(message="I return order 10003", customer_id="cust-3")
ASKED = ModelRequest("openai/gpt-4o", "key", "gpt-4o", 10, 5)


async def measured(*, watched: bool) -> dict[str, float]:
    context = context_of(Recording(watched=watched))
    await support_request(context, REFUND)
    return context.usage.measures


async def test_an_answer_that_somebody_watches_is_timed_to_its_first_text(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, DONE)
    measures = await measured(watched=True)
    assert 0 < measures["first_token_seconds"] < 60
    assert measures["handoffs"] == 1


async def test_an_answer_that_nobody_watches_has_no_first_text(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, DONE)
    measures = await measured(watched=False)
    assert "first_token_seconds" not in measures
    # Twice five tokens were written.
    assert measures["tokens_per_second"] * measures["model_seconds"] == pytest.approx(10)


async def test_a_message_that_stays_with_its_agent_has_no_hand_overs(provider: OpenAISimulator) -> None:
    provider.will(call("ask_customer", question="Which order?"))
    assert (await measured(watched=False))["handoffs"] == 0


async def test_hand_overs_are_those_of_all_attempts_though_a_worker_dies(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, call("hand_over", to="billing", reason="?"), DONE)
    memory = Memory(dies_after=2)
    await memory.finish(support_request, REFUND)
    assert memory.attempts == 2
    assert memory.usage.measures["handoffs"] == 2


# The stopwatch


class Ticking:
    """A clock that tells the given seconds, one after the other."""

    def __init__(self, *seconds: float) -> None:
        self._seconds: Iterator[float] = iter(seconds)

    def __call__(self) -> float:
        return next(self._seconds)


def context_with(usage: Usage | None = None) -> TaskContext:
    return task_context(replace(claim_of(), usage=usage), Recording(watched=True))


async def test_the_first_text_is_timed_from_the_first_request_and_only_once() -> None:
    context = context_with()
    stopwatch = Stopwatch(context, Ticking(100.0, 102.0, 102.0, 103.5, 104.0))
    async with stopwatch(ASKED) as tell:
        tell(RequestUsage(10, 5))
    async with stopwatch(ASKED) as tell:
        stopwatch.text_told()
        stopwatch.text_told()
        tell(RequestUsage(10, 15))
    assert context.usage.measures == {"first_token_seconds": 3.5, "model_seconds": 4.0, "tokens_per_second": 5.0}


async def test_a_later_attempt_goes_on_with_what_the_former_ones_took() -> None:
    before = {"first_token_seconds": 0.5, "model_seconds": 6.0, "tokens_per_second": 10.0}
    context = context_with(Usage(measures=before))
    stopwatch = Stopwatch(context, Ticking(0.0, 4.0))
    async with stopwatch(ASKED) as tell:
        stopwatch.text_told()
        tell(RequestUsage(10, 140))
    assert context.usage.measures == {"first_token_seconds": 0.5, "model_seconds": 10.0, "tokens_per_second": 20.0}


async def test_a_request_that_fails_is_not_timed_and_a_provider_that_tells_no_tokens_has_no_rate() -> None:
    context = context_with()
    stopwatch = Stopwatch(context, Ticking(0.0, 1.0, 3.0))
    with pytest.raises(ConnectionError):
        async with stopwatch(ASKED):
            raise ConnectionError
    async with stopwatch(ASKED) as tell:
        tell(RequestUsage(0, 0))
    assert context.usage.measures == {"model_seconds": 2.0}


def test_a_text_without_any_request_is_not_timed() -> None:
    context = context_with()
    Stopwatch(context, Ticking()).text_told()
    assert context.usage.measures == {}


# The quality gate


def test_the_review_of_the_last_draft_is_the_quality_of_the_answer() -> None:
    context = context_with()
    reporter = Reporter(context)
    scores = {"sentiment": 0.1, "professionalism": 1.0, "completeness": 1.0, "accuracy": 1.0}
    for corrections, overall in enumerate((0.4, 0.9)):
        review = Review.model_validate(scores | {"passed": overall > 0.7, "overall": overall, "checks": []})
        reporter.reviewed("refund", review, corrections)
    assert context.usage.measures == {"quality": 0.9, "corrections": 1.0}
