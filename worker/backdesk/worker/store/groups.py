"""Calls that are made as one: by one script, with an answer for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backdesk.worker.store.scripts import Call, Script, in_turn
from backdesk.worker.store.signature import Argument

#: So many at most: while a script runs, everybody else waits.
MOST_JOINED = 16


class Group:
    """Calls by their places among all: one, some that are alike but for their shares, or some of one chain in turn."""

    def __init__(self) -> None:
        self.calls: dict[int, Call[Any]] = {}

    def command(self) -> tuple[Script, list[Argument]]:
        """Return what Redis is to run, and on what."""
        first, *others = self.calls.values()
        if others and not first.share:
            return in_turn([first, *others])
        arguments = [*first.arguments]
        for call in others:
            arguments += call.arguments[-call.share :]
        return first.script, arguments

    def parts(self, reply: Any) -> Sequence[Any]:
        """Return what of the reply each call is to read."""
        if len(self.calls) == 1:
            return [reply]
        first = next(iter(self.calls.values()))
        return [[part] for part in reply] if first.share else reply


def joined(calls: Sequence[Call[Any]]) -> list[Group]:
    """Return which calls are made as one, in the order of the first of each."""
    groups: list[Group] = []
    open_groups: dict[Any, Group] = {}
    for number, call in enumerate(calls):
        # One with a share goes with others of its kind, unless it has to come after one of its chain.
        shares = call.share and call.chain not in open_groups
        alike = (call.script.sha, call.arguments[: -call.share]) if shares else call.chain or number
        group = open_groups.get(alike)
        if group is None or len(group.calls) == MOST_JOINED:
            group = open_groups[alike] = Group()
            groups.append(group)
        group.calls[number] = call
    return groups
