"""`backdesk keys`, `backdesk console` and `backdesk audit`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backdesk.worker.model.audit import Part
from backdesk.worker.store.keys import Keys
from tests.cli.conftest import Cli
from tests.support.workers import Fleet


@pytest.fixture(autouse=True)
def without_keys(fleet: Fleet) -> Iterator[None]:
    """The fleet is shared: no key stays, or its gateway would let nobody in without one."""
    yield
    fleet.jobs.redis.delete(Keys(fleet.settings.prefix).api_keys)


def test_a_key_is_added_listed_rotated_and_revoked(on_fleet: Cli, fleet: Fleet) -> None:
    made = on_fleet("keys", "add", "billing", "--scope", "operate", "--tenant", "acme", "--expires", "90d", "--json")
    secret, key_id = made.document["secret"], made.document["id"]
    assert fleet.jobs.keys.find(secret) is not None

    rotated = on_fleet("keys", "rotate", key_id, "--overlap", "0", "--json").document["secret"]
    assert fleet.jobs.keys.find(secret) is None
    assert fleet.jobs.keys.find(rotated) is not None

    listed = {each["id"]: each for each in on_fleet("keys", "list", "--json").document}
    assert (listed[key_id]["scope"], listed[key_id]["tenant"]) == ("operate", "acme")
    assert rotated not in on_fleet("keys", "list").out

    assert on_fleet("keys", "revoke", key_id).out == f"revoked {key_id}\n"
    assert fleet.jobs.keys.find(rotated) is None
    assert "revoked" in on_fleet("keys", "list").out


def test_the_secret_is_printed_alone_so_that_a_script_can_take_it(on_fleet: Cli, fleet: Fleet) -> None:
    answer = on_fleet("keys", "add", "billing")
    assert fleet.jobs.keys.find(answer.out.strip()) is not None
    assert "this once" in answer.err


@pytest.mark.parametrize(
    "words", [("add", "k", "--tenant", "no name!"), ("add", "k", "--expires", "soon"), ("rotate", "x"), ("revoke", "x")]
)
def test_what_makes_no_sense_is_refused(on_fleet: Cli, words: tuple[str, ...]) -> None:
    assert on_fleet("keys", *words).code == 2


def test_what_is_done_with_keys_is_in_the_audit_log_without_their_secrets(on_fleet: Cli, fleet: Fleet) -> None:
    made = on_fleet("keys", "add", "audited", "--json").document
    entry = fleet.jobs.audit.list(part=Part.ACTIONS, limit=1)[0]
    assert (entry.action, entry.on, entry.way, entry.outcome) == ("backdesk keys add", made["id"], "cli", "done")
    told = on_fleet("audit", "--part", "actions")
    assert "backdesk keys add" in told.out
    assert made["secret"] not in told.out
    assert on_fleet("audit", "--json").document["data"]


def test_the_console_prints_an_address_that_signs_in_once(on_fleet: Cli, fleet: Fleet) -> None:
    words = ("console", "--url", "https://desk.example.com/", "--name", "ada", "--scope", "operate", "--json")
    address = on_fleet(*words).document["url"]
    assert address.startswith("https://desk.example.com/sign-in?code=")
    opened = fleet.jobs.sessions.redeem(address.partition("=")[2])
    assert opened is not None
    assert (opened.session.name, opened.session.scope) == ("ada", "operate")
    assert fleet.jobs.sessions.redeem(address.partition("=")[2]) is None
