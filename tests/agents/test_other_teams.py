"""What tools of another team have returned in a conversation, which may have the names of one's own."""

from __future__ import annotations

import pytest
from pydantic_ai import ModelRequest, ToolReturnPart

from backdesk.agents import Desk, ToolOutcome, tool
from backdesk.agents.contract import Action
from backdesk.agents.journal import Journal
from backdesk.agents.reporter import Reporter
from backdesk.agents.runtime.completed import _done_before, _returned
from backdesk.agents.runtime.messages import History, dump_history, load_history, of_another_team
from backdesk.agents.tools import Tool
from backdesk.platform.database import Database
from backdesk.platform.settings import TaskSettings
from tests.support.recording import Recording, context_of


class Cancelled(Action):
    type: str = "cancelled"

    def sentence(self, language: str = "en") -> str:
        return "It is cancelled."


class Outcome(ToolOutcome):
    number: int

    def action(self) -> Action:
        return Cancelled()


@tool("unsafe", name="cancel", description="Cancel an order.")
async def cancel(_desk: Desk, number: int) -> Outcome:
    return Outcome(number=number)


@tool("pure", name="cancel", description="Say what it would take to cancel an order.")
async def preview(_desk: Desk, number: int) -> Outcome:
    return Outcome(number=number)


def journal(own: Tool[..., Outcome]) -> Journal:
    ctx = context_of(Recording())
    desk = Desk(Database("sqlite://"), "acme", None, str, TaskSettings(_env_file=None))
    return Journal(ctx, desk, Reporter(ctx), cheaper=False, tools=(own,))


RETURNED: History = [ModelRequest(parts=[ToolReturnPart("cancel", {"number": 7}, "call-1")])]


def test_what_one_s_own_tool_has_returned_is_known_by_its_name() -> None:
    assert [acts for acts, _ in _returned(RETURNED, journal(cancel))] == [True]
    assert [acts for acts, _ in _returned(RETURNED, journal(preview))] == [False]


@pytest.mark.parametrize("own", [cancel, preview])
def test_what_another_team_s_tool_has_returned_is_not_read_as_one_s_own(own: Tool[..., Outcome]) -> None:
    others = of_another_team(RETURNED)
    assert [acts for acts, _ in _returned(others, journal(own))] == [True]
    others += [ModelRequest.user_text_prompt("And now?")]
    assert list(_done_before(others, journal(own))) == []


def test_what_a_former_turn_has_really_done_is_told_as_before() -> None:
    history: History = [*RETURNED, ModelRequest.user_text_prompt("And now?")]
    assert list(_done_before(history, journal(cancel))) == ["It is cancelled."]


def test_a_mark_outlives_json() -> None:
    others = load_history(dump_history(of_another_team(RETURNED)))
    assert [acts for acts, _ in _returned(others, journal(preview))] == [True]
