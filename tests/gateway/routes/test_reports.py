"""What the deployment tells of itself over HTTP."""

from __future__ import annotations

import httpx2


def test_a_queue_says_how_many_slots_it_could_use(http: httpx2.Client) -> None:
    told = http.get("/v1/autoscale/nobodys").json()
    assert told == {"queue": "nobodys", "wanted_slots": 0, "running": 0, "runnable": 0, "held": 0}


def test_what_is_no_queue_is_refused(http: httpx2.Client) -> None:
    answer = http.get("/v1/autoscale/two%20words")
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "queue")
