"""What was said in conversations: read as a whole, listed, erased."""

from __future__ import annotations

from backdesk.client.operation import Calls, Commands, Operation
from backdesk.client.operations.jobs import JobCore
from backdesk.worker.errors import ConversationNotFound, InvalidRequest
from backdesk.worker.memory.calls import HEAD_FIELDS, MemoryCalls, read_head, read_turn, turn_numbers
from backdesk.worker.memory.conversation import Conversation, Head, Turn, check_conversation_id
from backdesk.worker.submit.admission import check_name

#: Turns read in one round trip.
TURNS_A_TRIP = 100
#: Conversations that are listed at most.
MOST_LISTED = 10_000

# Named here because inside the clients `list` is a method.
Heads = list[Head]


class Conversations:
    """The operations on what was said."""

    def __init__(self, core: JobCore) -> None:
        self._core = core
        self._calls = MemoryCalls(core.settings)

    def get(self, tenant: str, conversation_id: str) -> Operation[Conversation]:
        """Return a conversation with all of its turns that are kept; raises ConversationNotFound."""
        key = self._key(tenant, conversation_id)
        (values,) = yield Commands([("HMGET", key, *HEAD_FIELDS)])
        numbers, turns = turn_numbers(values), list[Turn]()
        if not numbers:
            raise ConversationNotFound(conversation_id, tenant)
        for at in range(0, len(numbers), TURNS_A_TRIP):
            (entries,) = yield Commands([("HMGET", key, *numbers[at : at + TURNS_A_TRIP])])
            turns += [read_turn(entry) for entry in entries if entry is not None]
        return Conversation(head=read_head(tenant, conversation_id, values), turns=tuple(turns))

    def list(self, tenant: str, limit: int) -> Operation[Heads]:
        """Return the heads of a tenant's conversations, the one that was spoken in last first."""
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_LISTED:
            raise InvalidRequest("limit", f"{limit!r} must be a whole number from 1 to {MOST_LISTED}")
        check_name("tenant", tenant)
        keys = self._core.keys
        (found,) = yield Commands([("ZREVRANGE", keys.conversations(tenant), 0, limit - 1)])
        names = [name.decode() for name in found]
        if not names:
            return []
        heads = yield Commands([("HMGET", keys.history(tenant, name), *HEAD_FIELDS) for name in names])
        each = zip(names, heads, strict=True)
        # What has expired is on the list until the tenant's next turn.
        return [read_head(tenant, name, values) for name, values in each if turn_numbers(values)]

    def forget(self, tenant: str, conversation_id: str) -> Operation[bool]:
        """Erase a conversation; returns whether there was one."""
        self._key(tenant, conversation_id)
        (erased,) = yield Calls([self._calls.erase(tenant, conversation_id)])
        return bool(erased)

    def _key(self, tenant: str, conversation_id: str) -> str:
        """Return where a conversation is; raises InvalidRequest for names under which there might be another's."""
        check_name("tenant", tenant)
        return self._core.keys.history(tenant, check_conversation_id(conversation_id))
