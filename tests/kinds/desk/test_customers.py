"""What customers hear of their case, in their language; and what they do not unless they are written to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest

from backdesk.client import JobClient
from backdesk.platform.database import Database
from backdesk.shop.testing import sample_shop
from backdesk.testing import Bench

for kind in ("desk", "notify", "support"):  # registers them, of which one is ours
    import_module(f"backdesk.kinds.{kind}.kind")
PLEA, GERMAN = "I want to talk to a human being, please", "Danke, ich warte auf Ihre Antwort."
MAILED = {"mail_customers": True, "smtp_url": "smtp://127.0.0.1:9", "mail_from": "shop@example.com"}


@contextmanager
def deployed(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[Bench]:
    """A bench, whose clock is the shop's; its jobs that tell are left as they are submitted."""
    with sample_shop(**settings), Bench() as bench:
        monkeypatch.setattr(Database, "now", lambda _self: bench.now)
        yield bench


def told(bench: Bench) -> list[Any]:
    """What customers are to be told, the oldest first."""
    with JobClient(settings=bench.settings, checks={}) as client:
        requests: list[Any] = [record.request for record in client.list(kind="notify.send").items]
    return [each for each in reversed(requests) if each["to"] == "customer"]


def ask(bench: Bench, customer_id: str | None = "cust-8") -> None:
    for message in (PLEA, GERMAN):
        bench.run("support.request", {"message": message, "customer_id": customer_id}, conversation_id="talk")


def served(bench: Bench, *, customer_id: str | None = "cust-8") -> str:
    """A case of a customer who goes on in German, which a person takes, answers and closes."""
    ask(bench, customer_id)
    (case,) = bench.run("service.desk", {"act": "list"}).result.cases
    for act, more in (("take", {}), ("reply", {"text": "Ich k\u00fcmmere mich darum."}), ("close", {})):
        job = bench.run("service.desk", {"act": act, "case": case.case, "by": "ada", "conversation_id": "talk", **more})
        assert not job.error
    return str(case.case)


def test_a_customer_who_is_written_to_hears_of_each_step_in_their_language(monkeypatch: pytest.MonkeyPatch) -> None:
    with deployed(monkeypatch, **MAILED) as bench:
        case = served(bench)
        letters = told(bench)
    assert [each["event"] for each in letters] == ["case.opened", "case.replied", "case.closed"]
    assert {(each["data"]["customer_id"], each["data"]["case"]) for each in letters} == {("cust-8", case)}
    assert [each["language"] for each in letters] == ["en", "de", "de"]
    assert letters[0]["text"].startswith(f"We have received your request {case}. A person answers by ")
    assert letters[1]["text"] == "Ich k\u00fcmmere mich darum."


def test_without_the_setting_nothing_is_told_that_was_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    with deployed(monkeypatch) as bench:
        served(bench)
        assert [each["event"] for each in told(bench)] == ["case.replied", "case.closed"]


def test_a_customer_whom_nobody_knows_is_sent_no_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    with deployed(monkeypatch, **MAILED) as bench:
        served(bench, customer_id=None)
        assert [each["event"] for each in told(bench)] == ["case.replied", "case.closed"]


@pytest.mark.parametrize("settings", [{}, MAILED])
def test_of_an_overdue_case_the_customer_hears_where_they_are_written_to(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    with deployed(monkeypatch, **settings) as bench:
        ask(bench)
        bench.advance(timedelta(days=10))
        for tick in ("one", "two"):
            bench.run("service.desk", {"act": "escalate_overdue"}, job_id=tick)
        late = [each["text"] for each in told(bench) if each["event"] == "case.overdue"]
    assert [text.startswith("Es tut uns leid: Ihr Anliegen ") for text in late] == [True] * bool(settings)
