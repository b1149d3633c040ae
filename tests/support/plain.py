"""A service that has Celery and knows nothing of backdesk, and the items that other programs leave in its lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery


@contextmanager
def plain_celery(url: str, **configuration: Any) -> Iterator[Any]:
    """An application with Celery's defaults, but for what is given."""
    app = Celery("shop", broker=url, backend=url, set_as_current=False)
    # The one liberty: a test must not wait two minutes for a server that is gone.
    app.conf.update(redis_socket_timeout=10, broker_transport_options={"socket_timeout": 10}, **configuration)
    try:
        yield app
    finally:
        app.backend.result_consumer.stop()
        app.backend.client.close()
        app.backend.client.connection_pool.disconnect()
        app.close()


def envelope(**changes: Any) -> bytes:
    """A well-formed task message, with some of it replaced; None removes."""
    headers = {"lang": "py", "task": "test.echo", "id": "odd-1", "root_id": "odd-1", "parent_id": None, "group": None}
    properties = {"correlation_id": "odd-1", "delivery_tag": "odd-1", "delivery_mode": 2, "priority": 0}
    message: dict[str, Any] = {
        "body": '[[], {"request": {}}, {}]',
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": {**properties, "delivery_info": {"exchange": "", "routing_key": "celery"}},
    }
    for path, value in changes.items():
        place, *keys = path.split("__")
        target = message
        for key in [place.replace("content_", "content-"), *keys][:-1]:
            target = target[key]
        last = ([place.replace("content_", "content-"), *keys])[-1]
        if value is None:
            target.pop(last, None)
        else:
            target[last] = value
    return json.dumps(message).encode()


#: Items that are no message, or a broken one; by what is wrong with them.
MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "text": b"junk",
    "no text": b"\xff\xfe\x00",
    "null": b"null",
    "number": b"17",
    "string": b'"x"',
    "array": b"[]",
    "array of three": b'[{"properties": {}}, "", ""]',
    "object": b"{}",
    "half": envelope()[:-10],
    "deep": b"[" * 5000,
    "a huge number": b"1" * 5000,
    "headers missing": envelope(headers=None),
    "headers null": b'{"body":"","headers":null,"properties":{}}',
    "headers array": envelope(headers=[1]),
    "headers text": envelope(headers="x"),
    "headers empty": envelope(headers={}),
    "id missing": envelope(headers__id=None),
    "id number": envelope(headers__id=7),
    "id array": envelope(headers__id=[1]),
    "id no name": envelope(headers__id="a b"),
    "id with new line": envelope(headers__id="odd\n"),
    "task missing": envelope(headers__task=None),
    "task number": envelope(headers__task=7),
    "task array": envelope(headers__task=["x"]),
    "task unknown": envelope(headers__task="no.such", headers__id="odd-2"),
    "task surrogate": envelope(headers__task="\udcff", headers__id="odd-3"),
    "properties missing": envelope(properties=None, headers__id="odd-4"),
    "properties text": envelope(properties="x", headers__id="odd-5"),
    "properties array": envelope(properties=[1], headers__id="odd-6"),
    "priority text": envelope(properties__priority="high", headers__id="odd-7"),
    "delivery info text": envelope(properties__delivery_info="x", headers__id="odd-8"),
    "routing key array": envelope(properties__delivery_info__routing_key=[1], headers__id="odd-40"),
    "delivery info missing": envelope(properties__delivery_info=None, headers__id="odd-9"),
    "delivery tag missing": envelope(properties__delivery_tag=None, headers__id="odd-10"),
    "delivery tag array": envelope(properties__delivery_tag=[1], headers__id="odd-11"),
    "body missing": envelope(body=None, headers__id="odd-12"),
    "body object": envelope(body={"a": 1}, headers__id="odd-13"),
    "body no JSON": envelope(body="[", headers__id="odd-14"),
    "body of one": envelope(body="[1]", headers__id="odd-15"),
    "body of null": envelope(body="[null, null, null]", headers__id="odd-16"),
    "body surrogate": envelope(body='[[], {"request": {"text": "\\udcff"}}, {}]', headers__id="odd-17"),
    "body not base64": envelope(body="a", properties__body_encoding="base64", headers__id="odd-18"),
    "body encoding unknown": envelope(properties__body_encoding="utf-16", headers__id="odd-19"),
    "body encoding array": envelope(properties__body_encoding=[1], headers__id="odd-20"),
    "pickle": envelope(content_type="application/x-python-serialize", body="gASVBAAAAA==", headers__id="odd-21"),
    "content type unknown": envelope(content_type="x/y", headers__id="odd-22"),
    "content type number": envelope(content_type=7, headers__id="odd-23"),
    "content encoding unknown": envelope(content_encoding="klingon", headers__id="odd-24"),
    "compression unknown": envelope(headers__compression="none", headers__id="odd-25"),
    "eta text": envelope(headers__eta="soon", headers__id="odd-26"),
    "eta array": envelope(headers__eta=[1], headers__id="odd-27"),
    "eta long ago": envelope(headers__eta="0001-01-01T00:00:00+14:00", headers__id="odd-28"),
    "expires text": envelope(headers__expires="soon", headers__id="odd-29"),
    "expires far": envelope(headers__expires="9999-12-31T23:59:59-14:00", headers__id="odd-30"),
    "retries text": envelope(headers__retries="x", headers__id="odd-31"),
    "time limit text": envelope(headers__timelimit="x", headers__id="odd-32"),
    "links text, unknown": envelope(
        body='[[], {}, {"errbacks": "x", "callbacks": 7, "chain": 5, "chord": "x"}]', headers__id="odd-33"
    ),
    "links broken, unknown": envelope(
        body='[[], {}, {"errbacks": [7], "chain": ["x"], "chord": [1]}]', headers__id="odd-34", headers__task="no.such"
    ),
    "links that clash": envelope(body='[[], {}, {"args": 1, "kwargs": 2, "id": 3}]', headers__id="odd-35"),
    "links broken": envelope(
        body='[[], {"request": {}}, {"errbacks": [7], "callbacks": ["x"], "chain": [1]}]', headers__id="odd-36"
    ),
    "group number": envelope(headers__group=7, headers__task="no.such", headers__id="odd-37"),
    "delivery info header": envelope(headers__delivery_info="x", headers__task="no.such", headers__id="odd-38"),
    "arguments of python": envelope(body='[[1, 2], {"request": {}, "self": 1}, {}]', headers__id="odd-39"),
}
