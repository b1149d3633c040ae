"""Teams of agents: who may hand over to whom, and what a team knows from the conversation so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from backdesk.agents.card import Agent, cards
from backdesk.agents.desk import Context, Desk
from backdesk.agents.proposals.verdict import Agreement
from backdesk.agents.remote.card import McpServer
from backdesk.agents.situation import Reply, Say, Situation
from backdesk.agents.team import Team
from backdesk.agents.tools import Tool, tool
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.memory.conversation import Conversation, Head, Turn


def decide(_now: Situation) -> Reply:
    return Say("Yes.")


class Basket(Context):
    items: tuple[str, ...] = ()


SHOP = Team(
    "shop",
    (
        Agent("browse", "Look.", hands_to=("sell",)),
        Agent("sell", "Sell."),
    ),
    decide,
    Basket,
)


@dataclass
class Greeting:
    """A briefing with a state, which has no hash."""

    said: int = 0

    async def __call__(self, _desk: Desk[Any]) -> str:
        self.said += 1
        return "Good day."


def test_a_card_holds_what_has_no_hash() -> None:
    card = Agent("greeter", "Greet.", briefing=Greeting())
    assert [each for each in cards() if each is card] == [card]


def test_cards_that_are_alike_are_two() -> None:
    alike = [Agent("twin", "Twin."), Agent("twin", "Twin.")]
    assert len([each for each in cards() if each.name == "twin"]) == len(alike)


def conversation(*facts: dict[str, Any]) -> Conversation:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    turns = (Turn(number=n, at=noon, job_id="job", facts=each, messages=[]) for n, each in enumerate(facts, 1))
    return Conversation(head=Head(conversation_id="talk", tenant="default"), turns=tuple(turns))


def knows(team: str, *items: str) -> dict[str, Any]:
    return {"team": team, "agent": "browse", "context": {"items": items}}


def test_a_team_knows_what_it_knew_after_its_last_turn() -> None:
    assert SHOP.known(conversation(knows("shop", "lamp"), knows("shop", "lamp", "mouse"))).items == ("lamp", "mouse")


def test_what_another_team_knows_in_the_conversation_is_not_taken_for_its_own() -> None:
    assert SHOP.known(conversation(knows("shop", "lamp"), knows("forger", "a diamond"))).items == ("lamp",)


def test_at_the_beginning_nothing_is_known() -> None:
    assert SHOP.known(conversation()) == SHOP.known(conversation(knows("support"))) == Basket()


@pytest.mark.parametrize("stranger", ["nobody", "browse"])
def test_an_agent_can_hand_over_to_colleagues_only(stranger: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'browse' of the team 'shop' cannot hand over to {stranger}"):
        Team("shop", (Agent("browse", "Look.", hands_to=(stranger,)),), decide)


def made(name: str) -> Tool[..., Any]:
    @tool("pure", name=name, description="Look.")
    async def look(_desk: Desk) -> str:
        return "seen"

    return look


def test_two_tools_of_one_name_are_refused_in_a_team_and_one_that_is_shared_is_not() -> None:
    shared = made("look")
    Team("shop", (Agent("a", "Look.", tools=(shared,)), Agent("b", "Look.", tools=(shared,))))
    with pytest.raises(ConfigurationError, match="different tools of one name: look"):
        Team("shop", (Agent("a", "Look.", tools=(shared,)), Agent("b", "Look.", tools=(made("look"),))))


def test_a_tool_of_a_server_may_not_have_the_name_of_a_colleague_s() -> None:
    servers = [McpServer(name, command=[name], tools=["look.up"]) for name in ("one", "other")]
    Team("shop", [Agent(name, "Look.", mcp=servers[:1]) for name in ("a", "b")])
    for card in Agent("b", "Look.", mcp=servers[1:]), Agent("b", "Look.", tools=[made("look_up")]):
        with pytest.raises(ConfigurationError, match="of one name: look_up"):
            Team("shop", [Agent("a", "Look.", mcp=servers[:1]), card])


@pytest.mark.parametrize("name", ["ask_customer", "hand_over", "give_answer"])
def test_no_tool_has_the_name_of_what_agents_end_with(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Agent("a", "Look.", tools=(made(name),))


def test_two_tools_of_one_name_are_refused_on_a_card() -> None:
    with pytest.raises(ConfigurationError, match="look"):
        Agent("a", "Look.", tools=(made("look"), made("look")))


@pytest.mark.parametrize(("team", "may"), [(None, True), ("shop", True), ("forger", False)])
def test_what_a_customer_has_agreed_to_is_done_by_the_team_alone_that_proposed_it(team: str | None, may: bool) -> None:
    shop = Team("shop", (Agent("clerk", "Sell.", tools=(made("sell"),)),))
    agreed = Agreement(number="P-1", team=team, agent="clerk", tool="sell", args={}, statement="Sell?", facts={})
    assert shop.can_make(agreed) is may


def test_cards_take_lists_and_hold_them_as_values() -> None:
    sums = McpServer("sums", command=["sums"], tools=["add"], pure=["add"])
    cards = [Agent(name, "Add.", hands_to=[other], mcp=[sums]) for name, other in (("a", "b"), ("b", "a"))]
    team = Team("adders", cards)
    assert isinstance(hash(cards[0]), int)
    assert (team.agents, cards[0].mcp[0].tools) == (tuple(cards), ("add",))


def test_a_name_is_not_taken_for_the_list_of_its_letters() -> None:
    with pytest.raises(ConfigurationError, match=r"hands_to of an Agent is a list of names.*write \['refund'\]"):
        Agent("triage", "Hand over.", hands_to="refund")
