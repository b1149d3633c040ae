"""Consent and failover: what a primary takes with it when it is lost moves no money, and moves none twice."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import select

import backdesk.kinds.support.kind  # noqa: F401 - the bench runs it by its name
from backdesk.platform.database import Database
from backdesk.shop.tables import Refund
from backdesk.testing import Bench
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.store.connection import connect
from tests.support.failover import Pair

WISH = "I want my money back for order 10003"


class Desk:
    """A service desk on two servers, and one customer who talks to it."""

    def __init__(self, pair: Pair, open_until_the_end: ExitStack) -> None:
        self.pair, self._stack, self._prefix = pair, open_until_the_end, f"desk-{uuid.uuid4().hex[:8]}"
        self._bench = self._open()

    def _open(self) -> Bench:
        return self._stack.enter_context(Bench(watched=False, url=self.pair.url, prefix=self._prefix))

    def say(self, message: str) -> str:
        request = {"message": message, "customer_id": "cust-3", "conversation_id": "talk"}
        answer: str = self._bench.run("support.request", request, job_id=str(uuid.uuid4())).result.answer
        return answer

    def fail_over(self) -> None:
        """Switch to the replica. The bench of before is left where it is, with its connections to the old primary."""
        self.pair.demote()
        self.pair.promote()
        self._bench = self._open()

    def lose_from_now_on(self) -> None:
        """Let the replica miss what the primary is told until the switch."""
        self.pair.in_step()
        with connect(self.pair.replica.url) as replica:
            replica.execute_command("REPLICAOF", "127.0.0.1", "1")


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[EmbeddedRedis, EmbeddedRedis]]:
    with EmbeddedRedis() as one, EmbeddedRedis() as other:
        yield one, other


@pytest.fixture
def desk(servers: tuple[EmbeddedRedis, EmbeddedRedis]) -> Iterator[Desk]:
    each_its_own_primary(servers)
    with Pair(*servers) as pair, ExitStack() as stack:
        yield Desk(pair, stack)
        each_its_own_primary(servers)  # a bench clears what it has written


def each_its_own_primary(servers: tuple[EmbeddedRedis, EmbeddedRedis]) -> None:
    for server in servers:
        with connect(server.url) as client:
            client.execute_command("REPLICAOF", "NO", "ONE")


def refunds(shop: Database) -> list[int]:
    with shop.of_all_tenants().read() as session:
        return list(session.scalars(select(Refund.order_number).where(Refund.key != "")))


def test_a_proposal_is_confirmed_where_the_primary_is_now(desk: Desk, shop: Database) -> None:
    assert "78.00 EUR" in desk.say(WISH)
    desk.pair.in_step()
    desk.fail_over()
    assert refunds(shop) == []
    desk.say("yes, please")
    assert refunds(shop) == [10003]


def test_a_proposal_whose_turn_was_lost_is_never_carried_out_without_a_yes(desk: Desk, shop: Database) -> None:
    desk.say("What is your refund policy?")
    desk.lose_from_now_on()
    desk.say(WISH)
    desk.fail_over()
    desk.say("What is your refund policy?")
    desk.say("Are you open on Sunday?")
    assert refunds(shop) == []


def test_a_no_that_was_lost_with_the_primary_stays_a_no(desk: Desk, shop: Database) -> None:
    desk.say(WISH)
    desk.lose_from_now_on()
    desk.say("No, do not do that")
    desk.fail_over()
    desk.say("ok")
    assert refunds(shop) == []


def test_a_refund_whose_turn_was_lost_is_not_made_again(desk: Desk, shop: Database) -> None:
    desk.say(WISH)
    desk.lose_from_now_on()
    desk.say("yes, please")
    assert refunds(shop) == [10003]
    desk.fail_over()
    desk.say("yes, please")
    desk.say(WISH)
    desk.say("yes, please")
    assert refunds(shop) == [10003]
