"""What the rules of several teams say of what tools returned."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from backdesk.agents.offline.phrases import says
from backdesk.agents.outcome import euros
from backdesk.agents.phrases import DEFAULT
from backdesk.agents.situation import Situation, ToolReply
from backdesk.quality import Draft
from backdesk.quality.appropriateness import BannedWords
from backdesk.quality.brand_voice import NoSlang
from backdesk.quality.language import language_of
from backdesk.quality.legal import Disclaimers, NoPromises

#: How to tell of a tool's data, for each tool.
Tellings = Mapping[str, Callable[[ToolReply], str]]

#: What customers ask for that is answered from the knowledge base.
PROBLEMS = r"broken?|not work(?:ing)?|error|how do i|flickers?|reset|connect|password|warranty|charge"
_SMALL_WORDS = (
    "about|and|are|but|can|did|does|for|from|had|has|have|hello|how|not|our|please|that|the|there|this|was|were|what|when|"
    "where|which|who|why|will|with|you|your"
)
#: How many words of a message are taken up, and what each must pass.
MOST_TAKEN_UP = 8
_MAY_BE_SAID = (BannedWords(), NoSlang(), NoPromises(), Disclaimers())


def told_of(reply: ToolReply, tellings: Tellings) -> str:
    """Return what there is to say of a reply: its data, or why there is none."""
    return tellings[reply.tool](reply) if reply.succeeded else reply.problem


def taken_up(now: Situation) -> list[str]:
    """Return a sentence that takes up what was asked, when an answer was refused; quoted are words that may be said."""
    if not now.corrections:
        return []
    found = (word for word in re.findall(r"\d{4,}|[^\W\d_]{3,}", now.message) if not says(_SMALL_WORDS, word))
    clean = [word for word in dict.fromkeys(found) if not any(check.fault(Draft(word)) for check in _MAY_BE_SAID)]
    if not clean:
        return []
    words = clean[:MOST_TAKEN_UP]
    if language_of(now.message) in {None, DEFAULT}:
        return [f"You have written to us about {', '.join(words)}."]
    return [f'You have written to us: "{" ".join(words)}". No model is configured, and I read English alone.']


def instructions(articles: Sequence[Mapping[str, str]]) -> str:
    """Tell what the best of the passages that were found says, and cite it; empty when none was."""
    return " ".join("{title}: {body} {cite}".format_map(each) for each in articles[:1])


def _of_system(reply: ToolReply) -> str:
    return " ".join(filter(None, [reply.data["told"], reply.data["maintenance"]]))


def _of_order(reply: ToolReply) -> str:
    data = reply.data
    return f"Order {data['order_number']} is {data['status']}, {euros(data['total_cents'], data['currency'])}."


def _of_articles(reply: ToolReply) -> str:
    return instructions(reply.data["articles"])


def _of_ticket(reply: ToolReply) -> str:
    return f"A colleague will look into it: ticket {reply.data['ticket_id']}, priority {reply.data['priority']}."


TELLINGS: Tellings = {
    "system_status": _of_system,
    "look_up_order": _of_order,
    "search_articles": _of_articles,
    "open_ticket": _of_ticket,
}
