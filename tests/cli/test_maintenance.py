"""`backdesk maintenance`, and where its notice is shown."""

from __future__ import annotations

import pytest
import redis

from backdesk.worker.settings import Settings
from tests.cli.conftest import Cli
from tests.cli.test_health import WELL, announce

MESSAGE = "Payments are being moved."


def test_a_maintenance_is_switched_on_shown_and_switched_off(cli: Cli, settings: Settings) -> None:
    on = cli("maintenance", "on", "--message", MESSAGE, "--for", "30m", url=settings.url)
    assert on.code == 0
    assert on.out.startswith("under maintenance since ")
    assert on.out.endswith(f": {MESSAGE}\n")
    shown = cli("maintenance", "show", "--json", url=settings.url).document
    assert (shown["message"], shown["until"] is None) == (MESSAGE, False)
    assert cli("maintenance", "off", url=settings.url).out == "the maintenance is over\n"
    assert cli("maintenance", "off", "--json", url=settings.url).document == {"ended": False}
    assert cli("maintenance", "show", url=settings.url).out == "no maintenance\n"
    assert cli("maintenance", "show", "--json", url=settings.url).document is None


def test_top_health_and_doctor_show_it(cli: Cli, client: redis.Redis, settings: Settings) -> None:
    announce(client, settings, WELL)
    assert cli("doctor", "--json", url=settings.url).document["findings"][-2]["level"] == "ok"
    cli("maintenance", "on", "--message", MESSAGE, url=settings.url)
    assert f"until it is taken back: {MESSAGE}" in cli("top", url=settings.url).out.splitlines()[1]
    health = cli("health", url=settings.url)
    assert (health.code, MESSAGE in health.out) == (0, True)
    assert cli("health", "--json", url=settings.url).document["maintenance"]["message"] == MESSAGE
    findings = cli("doctor", "--json", url=settings.url).document["findings"]
    (found,) = [finding for finding in findings if finding["check"] == "maintenance"]
    assert (found["level"], MESSAGE in found["detail"]) == ("warn", True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--message", " "], "message"),
        (["--message", "x" * 501], "at most 500 characters, not 501"),
        (["--message", MESSAGE, "--for", "soon"], "'soon' is no length of time"),
        (["--message", MESSAGE, "--for", "0"], "from 1 second to 30 days"),
        (["--message", MESSAGE, "--for", "31d"], "from 1 second to 30 days"),
        ([], "--message"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(cli: Cli, words: list[str], reason: str) -> None:
    answer = cli("maintenance", "on", *words)
    assert (answer.code, answer.out) == (2, "")
    assert reason in answer.err


def test_the_help_says_that_it_stops_no_work(cli: Cli) -> None:
    assert "does not stop work" in " ".join(cli("maintenance", "--help").out.split())
    assert "does not stop work" in " ".join(cli("maintenance", "on", "--help").out.split())
