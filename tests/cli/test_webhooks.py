"""`backdesk webhooks`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tests.support.webhooks import KEY


@pytest.fixture(autouse=True)
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_WEBHOOK_KEY", KEY)


def test_an_endpoint_is_added_listed_rotated_switched_and_removed(on_fleet: Cli) -> None:
    made = on_fleet("webhooks", "add", "https://hooks.example.com/in", "--event", "job.failed", "--json").document
    assert made["secret"].startswith("whsec_")
    assert made["id"] in on_fleet("webhooks", "list").out
    assert on_fleet("webhooks", "rotate", made["id"], "--keep-old-for", "1h").out.strip() != made["secret"]
    assert on_fleet("webhooks", "disable", made["id"]).out == f"disabled {made['id']}\n"
    assert "disabled: by hand" in on_fleet("webhooks", "show", made["id"]).out
    assert on_fleet("webhooks", "enable", made["id"]).code == 0
    assert on_fleet("webhooks", "test", made["id"]).code == 0
    assert on_fleet("webhooks", "deliveries", made["id"]).code == 0
    assert on_fleet("webhooks", "remove", made["id"]).out == f"removed {made['id']}\n"


@pytest.mark.parametrize(
    "words", [("add", "http://127.0.0.1/"), ("add", "https://example.com", "--event", "job.ended"), ("show", "we_1")]
)
def test_what_makes_no_sense_is_refused(on_fleet: Cli, words: tuple[str, ...]) -> None:
    assert on_fleet("webhooks", *words).code == 2
