"""What a client is asked, and how."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import ClientCapabilities, ElicitResult

from backdesk.gateway.dialects.mcp.elicitation import decision_of, input_requests
from backdesk.worker.model.asks import Ask, AskType

APPROVAL = Ask(type=AskType.APPROVAL, name="refund", prompt="May I?", facts={"cents": 5})
HUMAN = Ask(type=AskType.APPROVAL, name="wire", prompt="May I wire it?", human_only=True)
OUTCOME = Ask(type=AskType.OUTCOME, name="charge", choices=["done", "repeat", "fail"])
FORM: Any = {"form": {}}
URL: Any = {"url": {}}


def asked(elicitation: Any) -> dict[str, str]:
    capabilities = ClientCapabilities.model_validate({"elicitation": elicitation})
    requests = input_requests([APPROVAL, HUMAN, OUTCOME], capabilities, lambda ask: f"https://desk/{ask.name}")
    return {name: request["params"]["mode"] for name, request in requests.items()}


@pytest.mark.parametrize(
    ("elicitation", "modes"),
    [
        (None, {}),
        ({}, {"refund": "form"}),
        (FORM, {"refund": "form"}),
        (URL, {"wire": "url"}),
        (FORM | URL, {"refund": "form", "wire": "url"}),
    ],
)
def test_a_client_is_asked_what_it_can_show_and_what_is_for_people_by_a_link_alone(
    elicitation: Any, modes: dict[str, str]
) -> None:
    assert asked(elicitation) == modes


@pytest.mark.parametrize("ask", [HUMAN, OUTCOME])
@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
def test_no_answer_of_a_client_decides_what_is_for_people(ask: Ask, action: Any) -> None:
    assert decision_of(ask, ElicitResult(action=action, content={"decision": "approve"})) is None
