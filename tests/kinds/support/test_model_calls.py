"""Each request to a model is told: that it begins, and what came of it, however it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backdesk.agents.failures import ModelFailure
from backdesk.agents.metering import RequestUsage
from backdesk.agents.model_call import ModelCall, told
from backdesk.kinds.support.kind import REFUND, TRIAGE
from backdesk.platform.deployment import reset
from tests.kinds.support.asking import ask
from tests.support.eventually import eventually_async
from tests.support.openai_simulator import CutStream, Fault, OpenAISimulator, Silence, Text, call
from tests.support.recording import Recording

TO_REFUND = call("hand_over", to="refund", reason="wants money back for 10003")
DONE = Text("Your parcel is on its way.")


def outcomes(sink: Recording) -> list[tuple[str, str | None]]:
    return [(data["outcome"], data["code"]) for data in sink.of("model_returned")]


@pytest.mark.parametrize("watched", [False, True])
async def test_a_request_is_told_with_its_agent_its_model_and_what_it_took(
    provider: OpenAISimulator, watched: bool
) -> None:
    provider.will(TO_REFUND, DONE)
    sink = Recording(watched=watched)
    await ask("refund 10003", sink=sink)

    called, returned = sink.of("model_called"), sink.of("model_returned")
    assert called == [
        {"call_id": "1.1", "agent": "triage", "model": "gpt-4o-mini", "prompt": TRIAGE.prompts[0].hash},
        {"call_id": "1.2", "agent": "refund", "model": "gpt-4o-mini", "prompt": REFUND.prompts[0].hash},
    ]
    assert [data["call_id"] for data in returned] == ["1.1", "1.2"]
    assert outcomes(sink) == [("success", None), ("success", None)]
    assert all(data["input_tokens"] and data["output_tokens"] for data in returned)
    assert [data["first_token_s"] is not None for data in returned] == [watched, watched]
    assert not any(data["cached"] for data in returned)


@pytest.mark.parametrize("watched", [False, True])
async def test_one_that_fails_says_with_which_code(provider: OpenAISimulator, watched: bool) -> None:
    provider.will(Fault.error(401, "invalid_api_key"))
    sink = Recording(watched=watched)
    with pytest.raises(ModelFailure):
        await ask("refund 10003", sink=sink)
    assert outcomes(sink) == [("failed", "model_auth")]
    assert sink.of("model_returned")[0]["input_tokens"] is None


async def test_one_whose_stream_breaks_has_begun_and_failed(provider: OpenAISimulator) -> None:
    provider.will(CutStream("Your money is"))
    sink = Recording(watched=True)
    with pytest.raises(ModelFailure):
        await ask("refund 10003", sink=sink)
    (returned,) = sink.of("model_returned")
    assert returned["outcome"] == "failed"
    assert returned["first_token_s"] is not None


async def test_one_that_takes_too_long_has_timed_out(
    provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_MODEL_SILENCE_S", "0.2")
    reset()
    provider.will(Silence())
    sink = Recording()
    with pytest.raises(ModelFailure):
        await ask("refund 10003", sink=sink)
    assert outcomes(sink) == [("timed_out", "model_timeout")]


@pytest.mark.parametrize("watched", [False, True])
async def test_one_that_is_broken_off_is_cancelled(provider: OpenAISimulator, watched: bool) -> None:
    provider.will(Silence())
    sink = Recording(watched=watched)
    asking = asyncio.create_task(ask("refund 10003", sink=sink))
    await eventually_async(lambda: sink.of("model_called"), what="the request")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert outcomes(sink) == [("cancelled", None)]


def test_only_the_first_of_a_stream_is_timed() -> None:
    events: list[tuple[str, dict[str, Any]]] = []
    seconds = iter([10.0, 10.25, 12.5])
    with told(ModelCall(lambda: next(seconds)), {"call_id": "1.1"}, lambda *event: events.append(event)) as asked:
        asked.first_token()
        asked.first_token()
        asked.answered(RequestUsage(7, 3), None)
    assert events[1][1] == {
        "call_id": "1.1",
        "outcome": "success",
        "code": None,
        "input_tokens": 7,
        "output_tokens": 3,
        "cost_usd": None,
        "seconds": 2.5,
        "first_token_s": 0.25,
        "cached": False,
    }
