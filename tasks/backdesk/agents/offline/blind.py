"""Rules look at no file, and say so to whoever has sent one."""

from __future__ import annotations

from backdesk.agents.card import ASK
from backdesk.agents.situation import Call, Decide, Reply, Say, Situation

UNSEEN = "(The offline model cannot look at what is attached.)"


def blind(rules: Decide) -> Decide:
    """Have what rules say to a message with files end with that."""

    def decide(now: Situation) -> Reply:
        reply = rules(now)
        if not now.files:
            return reply
        match reply:
            case Say(str(text)):
                return Say(f"{text} {UNSEEN}")
            case (Call(name=name, args={"question": question}),) if name == ASK:
                return (Call(ASK, {"question": f"{question} {UNSEEN}"}),)
            case _:
                return reply

    return decide
