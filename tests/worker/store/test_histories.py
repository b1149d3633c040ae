"""What was said in conversations: turns are added under the fence, once a job, for the owner alone, for a while."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from pydantic_core import to_json

from backdesk.worker.errors import FenceLost
from backdesk.worker.memory.calls import MemoryCalls, NewTurn, read_head
from backdesk.worker.memory.conversation import MOST_TURNS, Conversation, ConversationClosed, ConversationMismatch, Turn
from backdesk.worker.model.job import Claim
from backdesk.worker.store.calls import text
from tests.support.board import Board, Clock


@pytest.fixture
def archive(board: Board) -> MemoryCalls:
    return MemoryCalls(board.settings, board.clock)


class Talk:
    """Conversations of the tenant `acme`, each turn by a job of its own unless a claim is given."""

    def __init__(self, board: Board, archive: MemoryCalls) -> None:
        self.board = board
        self.archive = archive

    def claim(self, job_id: str | None = None, **fields: Any) -> Claim:
        return self.board.start(self.board.submit(job_id, **fields))

    def say(
        self,
        *words: str,
        by: Claim | None = None,
        owner: str | None = None,
        closes: bool = False,
        conversation: str = "c-1",
        **entry: Any,
    ) -> Any:
        claim = by or self.claim()
        turn = to_json({"job_id": claim.job_id, "messages": words, **entry})
        return self.board.run(self.archive.turn(claim, NewTurn(conversation, owner, turn, len(words), closes)))

    def recall(
        self,
        by: Claim | None = None,
        *,
        owner: str | None = None,
        newest: int | None = None,
        conversation: str = "c-1",
    ) -> Any:
        return self.board.run(self.archive.recall(by or self.claim(), conversation, owner, newest))

    def words(self, **recall: Any) -> list[str]:
        found = self.recall(**recall)
        assert isinstance(found, Conversation)
        return [word for turn in found.turns for word in turn.messages]


@pytest.fixture
def talk(board: Board, archive: MemoryCalls) -> Talk:
    return Talk(board, archive)


def resumed(talk: Talk, dead: Claim) -> Claim:
    """A replay of a job that fails, which goes on with its work."""
    talk.board.fail(dead)
    return talk.claim(origin=dead.job_id, resumes=True)


# Turns


def test_a_turn_has_a_number_a_time_its_job_and_what_was_said(talk: Talk, clock: Clock) -> None:
    assert talk.say("hello", "which order?", asked=True, facts={"order": 10003}, by=talk.claim("a")) == 1
    clock.advance(1)
    assert talk.say("10003", by=talk.claim("b")) == 2

    first, second = talk.recall().turns
    assert first == Turn(
        number=1,
        at="2026-03-01T12:00:00Z",
        job_id="a",
        asked=True,
        facts={"order": 10003},
        messages=["hello", "which order?"],
    )
    assert (second.number, second.at.second, second.job_id, second.asked) == (2, 1, "b", False)


def test_the_head_tells_of_the_whole(talk: Talk, clock: Clock) -> None:
    talk.say("one", "two")
    clock.advance(60)
    talk.say("three", owner="cust-3", closes=True)
    head = talk.recall(owner="cust-3").head

    assert (head.conversation_id, head.tenant, head.owner) == ("c-1", "acme", "cust-3")
    assert (head.turns, head.messages, head.dropped) == (2, 3, 0)
    assert head.started_at is not None
    assert head.updated_at is not None
    assert (head.updated_at - head.started_at).total_seconds() == 60
    assert head.closed_at == head.updated_at


def test_a_conversation_that_nobody_has_begun_is_empty(talk: Talk, client: redis.Redis) -> None:
    found = talk.recall()
    assert (found.turns, found.head.turns, found.head.started_at) == ((), 0, None)
    assert (found.asked, found.facts) == (False, {})
    assert not client.exists(talk.board.keys.history("acme", "c-1"))


def test_the_last_turn_says_what_is_carried_on_and_whether_an_answer_is_due(talk: Talk) -> None:
    talk.say("one", facts={"order": 1}, asked=True)
    assert (talk.recall().asked, talk.recall().facts) == (True, {"order": 1})
    talk.say("two")
    assert (talk.recall().asked, talk.recall().facts) == (False, {})


def test_only_the_newest_turns_are_read_where_that_is_asked(talk: Talk) -> None:
    for word in ("one", "two", "three"):
        talk.say(word)
    assert [talk.words(newest=newest) for newest in (0, 1, 2, 9)] == [
        [],
        ["three"],
        ["two", "three"],
        ["one", "two", "three"],
    ]
    assert talk.recall(newest=1).head.turns == 3


def test_another_tenant_has_another_conversation_of_this_name(talk: Talk) -> None:
    talk.say("ours")
    theirs = talk.claim(tenant="other")
    assert talk.words(by=theirs) == []
    talk.say("theirs", by=theirs)
    assert talk.words() == ["ours"]


# Once a job


def test_what_a_job_says_again_replaces_what_it_said(talk: Talk) -> None:
    claim = talk.claim()
    talk.say("one", "two", by=claim)
    talk.say("in between")
    assert talk.say("one", by=claim, facts={"late": True}) == 1
    assert talk.words() == ["one", "in between"]
    assert (talk.recall().head.turns, talk.recall().head.messages) == (2, 2)


def test_a_turn_without_a_message_is_replaced_as_any_other(talk: Talk) -> None:
    closing = talk.claim()
    assert [talk.say(by=closing, closes=True) for _ in range(2)] == [1, 1]
    assert talk.recall().head.messages == 0


def test_a_replay_that_resumes_replaces_the_turn_of_its_origin_and_another_has_its_own(talk: Talk) -> None:
    dead = talk.claim()
    talk.say("first try", by=dead)
    again = resumed(talk, dead)
    talk.say("second try", by=again)
    assert talk.words() == ["second try"]
    assert talk.recall().turns[0].job_id == again.job_id

    talk.board.fail(again)
    talk.say("from the top", by=talk.claim(origin=again.job_id))
    assert talk.words() == ["second try", "from the top"]


def test_a_lost_attempt_neither_writes_nor_reads(talk: Talk) -> None:
    stale = talk.claim("a")
    talk.board.lose("a")
    current = talk.board.start("a")
    assert isinstance(talk.say("stale", by=stale), FenceLost)
    assert isinstance(talk.recall(stale), FenceLost)
    assert talk.words(by=current) == []


# What a job sees


def test_a_job_does_not_see_its_own_turn(talk: Talk) -> None:
    talk.say("before")
    claim = talk.claim()
    talk.say("mine", by=claim)
    assert talk.words(by=claim) == ["before"]
    assert talk.words(by=claim, newest=1) == ["before"]


def test_a_job_sees_in_every_attempt_what_it_saw_first(talk: Talk) -> None:
    talk.say("before")
    claim = talk.claim("a")
    assert talk.words(by=claim) == ["before"]
    talk.say("meanwhile")
    talk.board.lose("a")
    again = talk.board.start("a")
    assert talk.words(by=again) == ["before"]
    assert talk.words(by=resumed(talk, again)) == ["before"]
    assert talk.words(conversation="c-2", by=talk.claim()) == []


# The owner


@pytest.mark.parametrize("owner", ["cust-1", None])
def test_a_conversation_is_for_the_owner_that_it_was_given_and_nobody_else(talk: Talk, owner: str | None) -> None:
    talk.say("whose?")
    assert talk.say("mine", owner="cust-3") == 2
    assert isinstance(talk.say("no, mine", owner=owner), ConversationMismatch)
    assert isinstance(talk.recall(owner=owner), ConversationMismatch)
    assert talk.words(owner="cust-3") == ["whose?", "mine"]


# Closing


def test_a_closed_conversation_is_read_and_takes_no_new_turn(talk: Talk) -> None:
    talk.say("bye", closes=True)
    assert isinstance(talk.say("wait!"), ConversationClosed)
    assert talk.words() == ["bye"]
    with pytest.raises(ConversationClosed, match="begin a new one"):
        talk.recall().check_open()


def test_the_job_that_closed_it_may_say_again_how_it_ended(talk: Talk) -> None:
    claim = talk.claim()
    talk.say("bye", by=claim, closes=True)
    talk.recall(claim).check_open()
    talk.say("bye bye", by=claim, closes=True)
    assert isinstance(talk.say("wait!"), ConversationClosed)
    talk.say("one thing more", by=claim)
    assert talk.say("yes?") == 2


# Bounds


def test_the_oldest_turns_make_room_for_new_ones_beyond_the_most_that_are_kept(
    talk: Talk, archive: MemoryCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.worker.memory.calls.MOST_TURNS", 3)
    first = talk.claim()
    talk.say("one", "one more", by=first)
    for word in ("two", "three", "four", "five"):
        talk.say(word)
    found = talk.recall()
    assert [turn.number for turn in found.turns] == [3, 4, 5]
    assert (found.head.turns, found.head.messages, found.head.dropped) == (3, 3, 2)
    assert talk.say("one", by=first) == 6, "its turn was dropped, so this is a new one"


def test_a_conversation_of_the_most_turns_is_read_in_one_piece(talk: Talk, client: redis.Redis) -> None:
    talk.say("one")
    key, entry = talk.board.keys.history("acme", "c-1"), to_json({"job_id": "x", "messages": []})
    turns: dict[Any, Any] = {str(number): b"%d 0 " % number + entry for number in range(2, MOST_TURNS + 1)}
    client.hset(key, mapping=turns | {"last": MOST_TURNS})
    assert len(talk.recall().turns) == MOST_TURNS


def test_a_conversation_is_kept_for_a_while_after_its_last_turn(
    talk: Talk, clock: Clock, client: redis.Redis, board: Board
) -> None:
    kept_ms = board.settings.conversation_retention_s * 1000
    talk.say("one")
    for key in (board.keys.history("acme", "c-1"), board.keys.conversations("acme")):
        assert kept_ms - 60_000 < int(client.pttl(key)) <= kept_ms
    clock.advance(kept_ms / 1000 - 1)
    talk.say("two", conversation="c-2")
    assert listed(board) == ["c-1", "c-2"]
    clock.advance(2)
    client.delete(board.keys.history("acme", "c-1"))  # as Redis has by now, whose clock is not the test's
    talk.say("three", conversation="c-2")
    assert listed(board) == ["c-2"]


# Erasing


def test_what_is_erased_is_gone_with_its_place_in_the_list(talk: Talk, archive: MemoryCalls, board: Board) -> None:
    talk.say("secret", owner="cust-3")
    talk.say("else", conversation="c-2")
    assert board.run(archive.erase("acme", "c-1"))
    assert not board.run(archive.erase("acme", "c-1"))
    assert (talk.words(), listed(board)) == ([], ["c-2"])


def test_an_attempt_under_way_begins_an_erased_conversation_anew(talk: Talk, archive: MemoryCalls) -> None:
    talk.say("before")
    claim = talk.claim()
    talk.recall(claim)
    talk.board.run(archive.erase("acme", "c-1"))
    talk.say("mine", by=claim)
    assert talk.words() == ["mine"]


def listed(board: Board) -> list[str]:
    members: list[Any] = board.client.zrange(board.keys.conversations("acme"), 0, -1)
    return [text(member) for member in members]


def test_the_head_of_nothing_counts_nothing() -> None:
    head = read_head("acme", "c-1", [None] * 7)
    assert (head.turns, head.messages, head.dropped) == (0, 0, 0)
