"""The proof of `team.route`: a question about the weather and a calculation, each answered by whose field it is."""

from __future__ import annotations

import backdesk.kinds.route.kind  # noqa: F401 - registers the kind
from backdesk.kinds.route.contract import RouteRequest, RouteResult
from backdesk.platform.database import Database
from tests.support.openai_simulator import Text, call
from tests.support.proof import Proof, Talk

DRY = Text("In Tokyo it stays dry at 5 to 16 °C, by a recorded sample of 2026-11-30 and not the weather of now.")
COMPUTED = Text("17.5% of 240 is exactly 42.00.")


def _by_weather(result: RouteResult, shop: Database) -> None:
    assert (result.specialist, result.decided_by, result.path) == ("weather", "rule", ["weather"])
    assert (result.answer, result.actions, result.usage.tool_calls) == (DRY.text, [], 1)


def _by_calculation(result: RouteResult, shop: Database) -> None:
    assert (result.specialist, result.decided_by, result.path) == ("calculation", "rule", ["calculation"])
    assert (result.answer, result.actions, result.usage.tool_calls) == (COMPUTED.text, [], 1)


PROOF = Proof(
    "team.route",
    (
        Talk(
            RouteRequest(message="Will it rain in Tokyo tomorrow?"),
            (call("look_up_weather", place="Tokyo"), DRY),
            _by_weather,
        ),
        Talk(
            RouteRequest(message="How much is 17.5% of 240?"),
            (call("calculate", expression="17.5% of 240"), COMPUTED),
            _by_calculation,
        ),
    ),
)
