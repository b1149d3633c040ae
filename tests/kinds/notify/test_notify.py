"""Notifications: by each channel once, tried again where that can help, signed, and never to a private network."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

import backdesk.kinds.notify.kind
from backdesk.platform.deployment import deployment
from backdesk.shop.testing import sample_shop
from backdesk.testing import Bench
from backdesk.worker.model.job import JobState
from tests.support.mailbox import mailbox

assert backdesk.kinds.notify.kind  # registers the kind
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
SAID = {"to": "staff", "event": "case.opened", "text": "E-000001 (high): <Fire>", "data": {"case": "E-000001"}}


class Receiver:
    """A real HTTP server that keeps what it is sent, and answers with the next of its statuses, 200 after these."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = Thread(target=receiver.server.serve_forever, args=(0.05,))
    thread.start()
    yield receiver
    receiver.server.shutdown()
    thread.join()
    receiver.server.server_close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


def test_without_a_setting_it_goes_into_a_file_that_only_its_owner_reads(bench: Bench) -> None:
    with sample_shop():
        job = bench.run("notify.send", SAID)
        path = deployment().settings.data_dir / "notifications.jsonl"
        (line,) = path.read_text("utf-8").splitlines()
        mode = path.stat().st_mode & 0o777
    letter = json.loads(line)
    assert {name: letter[name] for name in SAID} == SAID
    assert (job.result.channels, letter["tenant"], mode) == (["outbox"], "default", 0o600)


def test_a_webhook_is_signed_and_has_the_same_id_in_each_attempt(bench: Bench, receiver: Receiver) -> None:
    receiver.statuses = [503, 429]
    with sample_shop(notify_staff=f"webhook+{receiver.url}", webhook_secret=SECRET, webhook_private=True):
        job = bench.run("notify.send", SAID)
    assert (job.state, job.record.failures, len(receiver.got)) == (JobState.SUCCEEDED, 2, 3)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    headers, body = receiver.got[-1]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(b"k" * 32, signed, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert (json.loads(body)["type"], json.loads(body)["data"]["data"]) == ("case.opened", {"case": "E-000001"})


def test_a_channel_that_was_told_is_not_told_again_for_another_that_fails(bench: Bench, receiver: Receiver) -> None:
    receiver.statuses = [503]
    with sample_shop(notify_staff=f"webhook+{receiver.url} slack+{receiver.url}", webhook_private=True):
        job = bench.run("notify.send", SAID)
    texts = [json.loads(body).get("text") for _, body in receiver.got]
    assert (job.state, texts) == (JobState.SUCCEEDED, [None, "default: E-000001 (high): &lt;Fire&gt;", None])


@pytest.mark.parametrize(("status", "code"), [(404, "http_404"), (302, "channel_redirects")])
def test_what_another_attempt_cannot_help_fails_at_once(
    bench: Bench, receiver: Receiver, status: int, code: str
) -> None:
    receiver.statuses = [status]
    with sample_shop(notify_staff=f"webhook+{receiver.url}", webhook_private=True):
        job = bench.run("notify.send", SAID)
    assert (job.error and job.error.code, len(receiver.got)) == (code, 1)


def test_a_private_address_is_refused_and_not_asked(bench: Bench, receiver: Receiver) -> None:
    with sample_shop(notify_staff=f"webhook+{receiver.url}"):
        job = bench.run("notify.send", SAID)
    assert (job.error and job.error.code, receiver.got) == ("private_address", [])


def test_a_letter_goes_to_the_mail_server(bench: Bench) -> None:
    with (
        mailbox() as box,
        sample_shop(notify_staff="mailto:desk@example.com", smtp_url=box.url, mail_from="shop@example.com"),
    ):
        job = bench.run("notify.send", SAID)
    assert job.state is JobState.SUCCEEDED
    (letter,) = box.letters
    assert (letter["To"], letter["Subject"]) == ("desk@example.com", "[default] E-000001 (high): <Fire>")


@pytest.mark.parametrize("wrong", ["ftp://x", "mailto:a@example.com", "outbox nonsense"])
def test_a_channel_that_is_none_is_refused_without_naming_its_address(bench: Bench, wrong: str) -> None:
    with sample_shop(notify_staff=wrong):
        job = bench.run("notify.send", SAID)
    assert job.error
    assert job.error.code == "channel_misconfigured"
    assert wrong not in job.error.message
