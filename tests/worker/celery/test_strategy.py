"""The short way from a delivery to a task: taken by what dispatch writes, in the form in which kombu hands it over."""

from __future__ import annotations

import redis
from kombu import Connection

from backdesk.worker.celery.patches import decode_item
from backdesk.worker.celery.strategy import EMPTY_BODY
from backdesk.worker.store.calls import text
from tests.support.board import Board


def test_a_delivery_is_known_by_its_body(board: Board, client: redis.Redis) -> None:
    board.announce(agents=1)
    board.submit()
    (item,) = client.lrange(board.keys.deliveries("agents"), 0, -1)
    with Connection("memory://") as connection, connection.channel() as channel:
        assert channel.Message(decode_item(text(item)), channel=channel).body == EMPTY_BODY
