"""E-mail to customers: at their own address, once, in their language, and the address is nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import update

import backdesk.kinds.notify.kind
from backdesk.platform.database import Database
from backdesk.platform.deployment import deployment
from backdesk.platform.settings import load_settings
from backdesk.shop.tables import Customer
from backdesk.shop.testing import sample_shop
from backdesk.testing import Bench
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.model.job import JobState
from backdesk.worker.store.connection import connect
from tests.support.mailbox import Mailbox, mailbox
from tests.support.raw import everything

assert backdesk.kinds.notify.kind  # registers the kind
SAID = {
    "to": "customer",
    "event": "case.replied",
    "text": "Das Geld ist unterwegs.\nIhre Ada",
    "language": "de",
    "data": {"case": "E-000012", "customer_id": "cust-1"},
}
HERS = "ada.lovelace@example.com"


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def shop(box: Mailbox) -> Iterator[Database]:
    """A deployment that writes to its customers."""
    with sample_shop(mail_customers=True, smtp_url=box.url, mail_from="shop@example.com") as database:
        reside(database, HERS)
        yield database


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


def reside(database: Database, email: str) -> None:
    with database.of("default").write() as session:
        session.execute(update(Customer).where(Customer.id == "cust-1").values(email=email))


def outbox() -> list[Any]:
    path = deployment().settings.data_dir / "notifications.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.usefixtures("shop")
def test_a_customer_is_written_to_at_their_address_and_in_their_language(bench: Bench, box: Mailbox) -> None:
    job = bench.run("notify.send", SAID)
    (letter,) = box.letters
    assert (letter["To"], letter["From"], letter["Subject"]) == (HERS, "shop@example.com", "Ihr Anliegen E-000012")
    words = letter.get_content()
    assert words.splitlines()[:2] == ["Das Geld ist unterwegs.", "Ihre Ada"]
    assert "Bitte antworten Sie dort" in words
    assert letter["Auto-Submitted"] == "auto-generated"
    assert (job.result.channels, len(outbox())) == (["outbox", "customer-mail"], 1)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("changed", "tenant"),
    [
        ({"to": "staff"}, "default"),
        ({"data": {"customer_id": "nobody"}}, "default"),
        ({"data": {"customer_id": ""}}, "default"),
        ({"data": {"customer_id": ["cust-1"]}}, "default"),
        ({"data": {}}, "default"),
        ({}, "globex"),
    ],
)
def test_nobody_else_is_written_to(bench: Bench, box: Mailbox, changed: dict[str, Any], tenant: str) -> None:
    job = bench.run("notify.send", SAID | changed, tenant=tenant)
    assert (job.result.channels, box.recipients) == (["outbox"], [])


def test_without_the_setting_customers_are_not_written_to(bench: Bench, box: Mailbox) -> None:
    with sample_shop(smtp_url=box.url, mail_from="shop@example.com"):
        job = bench.run("notify.send", SAID)
    assert (job.result.channels, box.recipients) == (["outbox"], [])


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(("writes", "letters"), [(0, 1), (1, 2), (2, 1)])
def test_a_worker_that_dies_has_no_letter_sent_again_but_the_one_that_it_could_not_write_down(
    bench: Bench, box: Mailbox, writes: int, letters: int
) -> None:
    job = bench.submit("notify.send", SAID)
    assert bench.lose(job, after=writes)
    bench.go_on(job)
    assert (job.state, len(box.letters)) == (JobState.SUCCEEDED, letters)
    assert len({letter["Message-ID"] for letter in box.letters}) == 1


@pytest.mark.usefixtures("shop")
def test_a_refused_recipient_fails_at_once_and_no_address_is_kept_anywhere(
    bench: Bench, box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    box.refusals = ["451 <ada.lovelace@example.com> greylisted", "550 <ada.lovelace@example.com> is unknown"]
    job = bench.run("notify.send", SAID)
    assert (job.error and job.error.code, len(box.recipients), len(outbox())) == ("mail_refused", 2, 1)
    assert job.error
    assert "550" in job.error.message
    with closing(connect(bench.settings.url)) as redis:
        assert "lovelace" not in everything(redis, bench.settings.prefix) + caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\nBcc: eve@example.com",
        "ada@example.com, eve@example.com",
        "Ada <ada@example.com>",
        "ada@example.com\u2028Bcc:eve@example.com",
        "ada@example..com",
        "@",
        "nobody",
    ],
)
def test_an_address_that_is_not_exactly_one_is_refused_after_the_others_were_told(
    bench: Bench, shop: Database, box: Mailbox, wrong: str
) -> None:
    reside(shop, wrong)
    job = bench.run("notify.send", SAID)
    assert (job.error and job.error.code, box.recipients, len(outbox())) == ("address_unusable", [], 1)
    assert job.error
    assert wrong not in job.error.message


@pytest.mark.usefixtures("shop")
def test_what_a_notification_says_adds_no_header(bench: Bench, box: Mailbox) -> None:
    bench.run("notify.send", SAID | {"data": {"customer_id": "cust-1", "case": "E-1\r\nBcc: eve@example.com"}})
    (letter,) = box.letters
    assert (letter["Bcc"], box.recipients) == (None, [f"<{HERS}>"])
    assert letter["Subject"] == "Ihr Anliegen E-1 Bcc: eve@example.com"


def test_an_international_domain_is_written_as_servers_know_it(bench: Bench, shop: Database, box: Mailbox) -> None:
    reside(shop, "ada@b\u00fccher.example")
    bench.run("notify.send", SAID)
    assert box.recipients == ["<ada@xn--bcher-kva.example>"]


def test_the_setting_without_a_mail_server_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_MAIL_CUSTOMERS", "1")
    with pytest.raises(ConfigurationError, match="BACKDESK_MAIL_CUSTOMERS needs BACKDESK_SMTP_URL"):
        load_settings()
