"""The patches: what Celery and kombu do without them, and what they do with them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from queue import Empty
from typing import Any

import pytest
import redis
from kombu import Connection, Queue
from kombu.transport import redis as transport
from kombu.utils.json import loads as loads_of_kombu
from pydantic_core import from_json

from backdesk.worker.celery import patches
from backdesk.worker.settings import Settings
from tests.support.plain import MALFORMED, envelope

#: What takes kombu down: each of these leaves `drain_events` as another error than "nothing there".
DEADLY = [
    "text",
    "null",
    "number",
    "string",
    "array",
    "array of three",
    "object",
    "half",
    "body not base64",
    "properties missing",
]


@pytest.fixture
def receive(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any, bytes], list[Any]]]:
    """Have kombu read one item from a list, with this decoder in its transport."""
    with Connection(settings.url, transport_options={"polling_interval": 0.1}) as connection:

        def read(decoder: Any, item: bytes) -> list[Any]:
            monkeypatch.setattr(transport, "loads", decoder)
            seen: list[Any] = []
            channel = connection.channel()
            queue = Queue("inbox", channel=channel, no_ack=True)
            channel.client.lpush("inbox", item)
            with connection.Consumer([queue], channel=channel, callbacks=[lambda _, m: seen.append(m)], no_ack=True):
                try:
                    connection.drain_events(timeout=0.2)
                except (TimeoutError, Empty):
                    pass
                finally:
                    channel.close()
            return seen

        yield read


@pytest.mark.parametrize("fault", DEADLY)
def test_without_the_defence_an_item_that_is_no_message_ends_the_consumer(
    receive: Callable[[Any, bytes], list[Any]], fault: str
) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one depends on the item; each ends the worker
        receive(loads_of_kombu, MALFORMED[fault])
    assert not isinstance(caught.value, TimeoutError)


@pytest.mark.parametrize("fault", DEADLY)
def test_with_the_defence_it_is_logged_and_dropped(
    receive: Callable[[Any, bytes], list[Any]], fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert receive(patches.decode_item, MALFORMED[fault]) == []
    assert "message_dropped" in caplog.text


def test_with_the_defence_a_message_is_read_as_before(receive: Callable[[Any, bytes], list[Any]]) -> None:
    for decoder in (loads_of_kombu, patches.decode_item):
        (message,) = receive(decoder, envelope())
        assert (message.headers["id"], message.body) == ("odd-1", b'[[], {"request": {}}, {}]')


def test_a_body_in_base64_is_read(receive: Callable[[Any, bytes], list[Any]]) -> None:
    body = base64.b64encode(b"[[], {}, {}]").decode()
    (message,) = receive(patches.decode_item, envelope(body=body, properties__body_encoding="base64"))
    assert message.body == b"[[], {}, {}]"


@pytest.mark.parametrize("fault", MALFORMED)
def test_the_decoder_returns_a_message_or_says_that_there_is_nothing(fault: str) -> None:
    try:
        tag = patches.decode_item(MALFORMED[fault].decode(errors="replace"))["properties"]["delivery_tag"]
    except Empty:
        return
    assert isinstance(tag, object)


def test_what_a_closing_channel_has_read_is_put_back(client: redis.Redis, settings: Settings) -> None:
    item = envelope()
    with Connection(settings.url) as connection, connection.channel() as channel:
        message = channel.Message(patches.decode_item(item.decode()), channel=channel)
        channel.qos.append(message, message.delivery_tag)
        channel.basic_reject(message.delivery_tag, requeue=True)
    (restored,) = client.lrange("celery", 0, -1)
    assert from_json(restored)["headers"]["id"] == "odd-1"


def test_installing_twice_is_installing_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "loads", loads_of_kombu)
    for _ in range(2):
        patches.install()
    assert transport.loads is patches.decode_item
