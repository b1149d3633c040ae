"""What both clients know of the service desk."""

from __future__ import annotations

from backdesk.service.cases_contract import Act, Case
from backdesk.worker.model.job import MAX_PRIORITY

KIND = "service.desk"
#: A person waits for it.
MOST_PRIORITY = MAX_PRIORITY
#: How long a person waits for it, in seconds, unless they say otherwise.
ACT_S = 30.0

# Named here because inside the clients `list` is a method.
Listed = list[Case]


def acts_in_conversation(act: Act) -> bool:
    """Whether something is told in the conversation of its case, so that it is done in the turn of that."""
    return act in {"take", "reply", "hand_back", "close"}
