"""Deliveries: signed, thin, and sent again as they were by the schedule of Standard Webhooks."""

from __future__ import annotations

import json
import socket
from datetime import timedelta
from pathlib import Path
from typing import Unpack

import openai
import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from backdesk.testing import Bench
from backdesk.worker.errors import ConfigurationError, InvalidRequest, NotReplayable
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.model.options import Options
from tests.kinds.webhook.hooks import Hooks
from tests.support.http_site import Site, Told, told
from tests.support.webhooks import verified

#: The waits of Standard Webhooks after each failure, in s.
SCHEDULE = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]


def last_error(record: JobRecord) -> str:
    error = record.attempts[-1].error
    return error.code if error else ""


def wait_s(record: JobRecord) -> float:
    ended_at, run_at = record.attempts[-1].ended_at, record.run_at
    assert ended_at is not None
    assert run_at is not None
    return (run_at - ended_at).total_seconds()


def echo(bench: Bench, **options: Unpack[Options]) -> str:
    return bench.run("test.echo", {"text": "hello"}, **options).id


def test_the_end_of_a_job_is_told_signed_and_thin(hooks: Hooks, bench: Bench, site: Site) -> None:
    made = hooks.add("job.succeeded")
    job_id = echo(bench)
    (delivery,) = hooks.deliver(made)
    (seen,) = site.seen
    body = verified(seen, made.secret)
    assert delivery.state is JobState.SUCCEEDED
    assert body["type"] == "job.succeeded"
    assert body["data"]["job_id"] == job_id
    assert body["data"]["state"] == "succeeded"
    assert body["data"]["links"]["job"] == f"/v1/jobs/{job_id}"
    assert b"hello" not in seen.body
    assert len(seen.body) < 1000


def test_an_endpoint_is_told_of_what_it_chose_and_of_its_tenant_alone(hooks: Hooks, bench: Bench, site: Site) -> None:
    mine = hooks.add("job.queued", "job.started", "job.succeeded", path="/mine", tenant="acme")
    hooks.add("job.failed", path="/failed", tenant="acme")
    all_ = hooks.add("job.succeeded", path="/all")
    echo(bench, tenant="acme")
    echo(bench, tenant="other")
    hooks.deliver(mine)
    hooks.deliver(all_)
    types = [(each.path, json.loads(each.body)["type"], json.loads(each.body)["data"]["tenant"]) for each in site.seen]
    assert sorted(types) == [
        ("/all", "job.succeeded", "acme"),
        ("/all", "job.succeeded", "other"),
        ("/mine", "job.queued", "acme"),
        ("/mine", "job.started", "acme"),
        ("/mine", "job.succeeded", "acme"),
    ]


def test_a_delivery_causes_no_delivery(hooks: Hooks, bench: Bench) -> None:
    made = hooks.add("job.queued", "job.succeeded")
    echo(bench)
    assert len(hooks.deliver(made)) == 2
    assert len(hooks.deliver(made)) == 2


def test_each_attempt_sends_the_same_id_and_bytes_by_the_schedule(hooks: Hooks, bench: Bench, site: Site) -> None:
    site.answers["/hook"] = [Told(b"", 500)] * 9 + [Told(b"", 204)]
    made = hooks.add()
    echo(bench)
    waits = []
    for _ in range(9):
        (record,) = hooks.deliver(made)
        waits.append(wait_s(record))
    (record,) = hooks.deliver(made)
    assert record.state is JobState.SUCCEEDED
    assert all(least <= wait <= least * 1.1 + 0.1 for least, wait in zip(SCHEDULE, waits, strict=True))
    assert len({(each.headers["webhook-id"], each.body) for each in site.seen}) == 1
    assert len(site.seen) == 10


def test_what_fails_ten_times_is_a_dead_letter_and_can_be_replayed(hooks: Hooks, bench: Bench, site: Site) -> None:
    site.answers["/hook"] = Told(b"", 500)
    made = hooks.add()
    echo(bench)
    for _ in range(10):
        (record,) = hooks.deliver(made)
    assert record.state is JobState.FAILED
    site.answers["/hook"] = Told(b"", 200)
    with pytest.raises(NotReplayable, match="sent as it was"):
        hooks.client.dead.replay(record.id, request={"endpoint": made.endpoint.id})
    again = hooks.client.dead.replay(record.id)
    bench.go_on(bench.job(again.id))
    assert len({(each.headers["webhook-id"], each.body) for each in site.seen}) == 1
    assert bench.job(again.id).state is JobState.SUCCEEDED


def test_a_delivery_can_be_sent_again_as_it_was(hooks: Hooks, bench: Bench, site: Site) -> None:
    made = hooks.add()
    echo(bench)
    (record,) = hooks.deliver(made)
    again = hooks.webhooks.resend(made.endpoint.id, record.id)
    assert {each.id for each in hooks.deliver(made)} == {record.id, again}
    first, second = site.seen
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404])
def test_what_is_no_2xx_fails_and_no_redirect_is_followed(hooks: Hooks, bench: Bench, site: Site, status: int) -> None:
    site.answers["/hook"] = Told(b"", status, {"Location": site.url("/elsewhere")})
    site.answers["/elsewhere"] = Told(b"")
    made = hooks.add()
    echo(bench)
    (record,) = hooks.deliver(made)
    assert record.state is JobState.SCHEDULED
    assert last_error(record) == f"http_{status}"
    assert site.paths == ["/hook"]


def test_retry_after_is_kept_and_holds_the_other_deliveries_back(hooks: Hooks, bench: Bench, site: Site) -> None:
    site.answers["/hook"] = [told({}, 429, Retry_After="900"), Told(b"")]
    made = hooks.add()
    echo(bench)
    (record,) = hooks.deliver(made)
    assert wait_s(record) >= 900
    echo(bench)
    hooks.service.tick()
    newest = bench.job(hooks.webhooks.deliveries(made.endpoint.id)[0].id)
    bench.attempt(newest)
    assert newest.state is JobState.SCHEDULED
    assert len(site.seen) == 1


def test_an_endpoint_that_is_gone_is_disabled_and_told_nothing_more(hooks: Hooks, bench: Bench, site: Site) -> None:
    site.answers["/hook"] = Told(b"", 410)
    made = hooks.add()
    echo(bench)
    (record,) = hooks.deliver(made)
    hooks.service.judge()
    endpoint = hooks.webhooks.get(made.endpoint.id)
    echo(bench)
    assert record.state is JobState.FAILED
    assert endpoint.disabled_because == "it answered 410 Gone"
    assert hooks.health(made).waiting == 0


def test_an_endpoint_that_takes_nothing_for_five_days_is_disabled(hooks: Hooks, bench: Bench, site: Site) -> None:
    site.answers["/hook"] = Told(b"", 500)
    made = hooks.add()
    echo(bench)
    hooks.deliver(made)
    bench.advance(timedelta(days=4, hours=23))
    hooks.service.judge()
    assert hooks.webhooks.get(made.endpoint.id).enabled
    bench.advance(timedelta(hours=2))
    hooks.service.judge()
    assert hooks.webhooks.get(made.endpoint.id).disabled_because == "nothing could be delivered for 5 days"


def test_one_success_begins_the_five_days_anew(hooks: Hooks, bench: Bench, site: Site) -> None:
    site.answers["/hook"] = [Told(b"", 500), Told(b"")]
    made = hooks.add()
    echo(bench)
    hooks.deliver(made)
    assert hooks.health(made).failing_since is not None
    hooks.deliver(made)
    assert hooks.health(made).failing_since is None


def test_old_and_new_secret_both_verify_while_they_overlap(hooks: Hooks, bench: Bench, site: Site) -> None:
    made = hooks.add()
    rotated = hooks.webhooks.rotate(made.endpoint.id, keep_old_for=timedelta(hours=1))
    echo(bench)
    hooks.deliver(made)
    (seen,) = site.seen
    assert rotated.secret != made.secret
    assert verified(seen, made.secret) == verified(seen, rotated.secret)


def test_after_the_overlap_the_old_secret_verifies_nothing(hooks: Hooks, bench: Bench, site: Site) -> None:
    made = hooks.add()
    rotated = hooks.webhooks.rotate(made.endpoint.id, keep_old_for=timedelta(0))
    echo(bench)
    hooks.deliver(made)
    (seen,) = site.seen
    assert verified(seen, rotated.secret)
    with pytest.raises(WebhookVerificationError):
        verified(seen, made.secret)


def test_the_client_of_openai_unwraps_what_endpoints_of_its_format_get(hooks: Hooks, bench: Bench, site: Site) -> None:
    made = hooks.add("response.completed", format="openai")
    hooks.webhooks.test(made.endpoint.id)
    hooks.deliver(made)
    (seen,) = site.seen
    client = openai.OpenAI(api_key="none", webhook_secret=made.secret)
    event = client.webhooks.unwrap(seen.body, seen.headers)
    assert event.type == "response.completed"
    assert event.data.id.startswith("resp_")


def test_endpoints_of_the_format_openai_hear_nothing_of_kinds_without_chat(hooks: Hooks, bench: Bench) -> None:
    made = hooks.add("job.succeeded", format="openai")
    echo(bench)
    assert hooks.deliver(made) == []
    assert hooks.health(made).waiting == 0


def test_the_trace_context_of_the_job_is_handed_on(hooks: Hooks, bench: Bench, site: Site) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    made = hooks.add()
    echo(bench, traceparent=trace)
    hooks.deliver(made)
    assert site.seen[0].headers["traceparent"] == trace


def test_redis_holds_no_secret(hooks: Hooks, bench: Bench) -> None:
    made = hooks.add()
    hooks.webhooks.rotate(made.endpoint.id)
    echo(bench)
    hooks.deliver(made)
    raw = made.secret.removeprefix("whsec_").encode()
    for key in hooks.redis.scan_iter(f"{bench.settings.prefix}:*"):
        assert raw not in (hooks.redis.dump(key) or b"")


def test_nobody_submits_a_delivery_by_hand(hooks: Hooks) -> None:
    with pytest.raises(InvalidRequest, match="made of events alone"):
        hooks.client.submit("webhook.deliver", {})


def test_without_a_key_no_endpoint_is_made(site: Site, bench: Bench, tmp_path: Path) -> None:
    settings = bench.settings.model_copy(update={"webhook_key": None, "data_dir": tmp_path})
    bench.settings = settings
    hooks = Hooks(bench, site)
    with pytest.raises(ConfigurationError, match="BACKDESK_WEBHOOK_KEY"):
        hooks.add()
    hooks.close()


def _say_nothing(connection: socket.socket) -> None:
    connection.recv(1)  # until the other side hangs up


def test_a_slow_receiver_is_given_up(hooks: Hooks, bench: Bench, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from backdesk.kinds.webhook import sending

    monkeypatch.setattr(sending, "TIMEOUT_S", 0.1)
    site.answers["/hook"] = Told(raw=_say_nothing)
    made = hooks.add()
    echo(bench)
    (record,) = hooks.deliver(made)
    assert last_error(record) == "http_unreachable"
