"""Jobs over HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx2


def submit(http: httpx2.Client, kind: str = "test.echo", request: Any = None, **more: Any) -> Any:
    answer = http.post("/v1/jobs", json={"kind": kind, "request": request or {"text": "hello"}, **more})
    assert answer.is_success, answer.text
    return answer.json()


def test_a_job_that_was_submitted_can_be_waited_for(http: httpx2.Client) -> None:
    answer = http.post("/v1/jobs?wait=30", json={"kind": "test.echo", "request": {"text": "hello"}})
    assert answer.status_code == 201
    assert answer.json()["state"] == "succeeded"


def test_the_same_idempotency_key_finds_the_same_job(http: httpx2.Client) -> None:
    key = {"Idempotency-Key": '"over-http-1"'}
    body = {"kind": "test.echo", "request": {"text": "hello"}}
    first, second = (http.post("/v1/jobs", json=body, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["idempotent-replayed"] == "true"
    assert first.json()["id"] == second.json()["id"]


def test_a_request_that_does_not_fit_is_refused_with_the_field(http: httpx2.Client) -> None:
    answer = http.post("/v1/jobs", json={"kind": "test.echo", "request": {"text": 3}})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == "/text"
    assert answer.json()["error"]["param"] == "text"


def test_a_stream_has_each_event_once_and_ends_after_the_last(http: httpx2.Client) -> None:
    job_id = submit(http)["id"]
    lines = http.get(f"/v1/jobs/{job_id}/events").text.splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert [event["seq"] for event in events] == [*range(1, len(events) + 1)]
    assert events[-1]["type"] == "succeeded"


def test_who_resumes_and_has_everything_is_told_to_stop(http: httpx2.Client) -> None:
    record = submit(http)
    ended = http.get(f"/v1/jobs/{record['id']}/events").text.count("data: ")
    answer = http.get(f"/v1/jobs/{record['id']}/events", headers={"Last-Event-ID": str(ended)})
    assert answer.status_code == 204


def test_one_stream_tells_several_jobs_and_ends_with_the_last(http: httpx2.Client) -> None:
    jobs = [submit(http)["id"] for _ in range(2)]
    lines = http.get("/v1/stream", params={"topics": ",".join(f"job:{each}" for each in jobs)}).text.splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    ended = {event["job_id"] for event in events if event["type"] == "succeeded"}
    assert ended == {*jobs}


def test_a_stream_of_several_goes_on_where_it_broke_off(http: httpx2.Client) -> None:
    jobs = [submit(http)["id"] for _ in range(2)]
    topics = {"topics": ",".join(f"job:{each}" for each in jobs)}
    ids = [line for line in http.get("/v1/stream", params=topics).text.splitlines() if line.startswith("id: ")]
    again = http.get("/v1/stream", params=topics, headers={"Last-Event-ID": ids[1].removeprefix("id: ")})
    assert [line for line in again.text.splitlines() if line.startswith("id: ")][-1] == ids[-1]
    assert again.text.count("data: ") == len(ids) - 2


def test_the_inbox_is_told_at_once_and_when_a_job_asks(http: httpx2.Client) -> None:
    with http.stream("GET", "/v1/stream", params={"topics": "inbox"}) as answer:
        told = (json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: "))
        before = next(told)
        job_id = submit(http, "test.approval", {"text": "this"})["id"]
        assert job_id not in {ask["job_id"] for ask in before["data"]}
        assert any(job_id in {ask["job_id"] for ask in page["data"]} for page in told)


def test_a_job_that_has_ended_is_forgotten(http: httpx2.Client) -> None:
    job_id = submit(http)["id"]
    http.get(f"/v1/jobs/{job_id}", params={"wait": 20})
    assert http.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert http.delete(f"/v1/jobs/{job_id}").status_code == 404


def test_a_job_that_goes_on_is_not_forgotten(http: httpx2.Client) -> None:
    answer = http.delete(f"/v1/jobs/{submit(http, delay=3600)['id']}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_forgettable")
    assert answer.headers["x-should-retry"] == "false"
