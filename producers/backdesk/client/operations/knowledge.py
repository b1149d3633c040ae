"""What both clients know of the knowledge base."""

from __future__ import annotations

from backdesk.service.knowledge.contract import KNOWLEDGE, ArticleListed

KIND = KNOWLEDGE
#: How long one waits for an act, in seconds, unless one says otherwise: vectors of a long document take their time.
ACT_S = 60.0

# Named here because inside the clients `list` is a method.
Listed = list[ArticleListed]
