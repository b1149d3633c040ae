"""`backdesk tenants`: set, shown with where each value is from, listed, removed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.conftest import Cli
from tests.support.workers import Fleet


@pytest.fixture
def tenant(fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[str]:
    """A tenant of this test alone."""
    made = f"t{abs(hash(request.node.name)) % 10**9}"
    yield made
    fleet.jobs.tenants.remove(made)
    fleet.jobs.tenants.remove("*")


def test_everything_about_a_tenant_can_be_said(on_fleet: Cli, tenant: str) -> None:
    words = ["--weight", "3", "--max-running", "20", "--rate", "60/m", "--burst", "10", "--tokens-per-day", "1000000"]
    words += ["--cost-per-day", "5.00", "--on-budget", "approve", "--kinds", "test.echo,test.sleep", "--priority", "6"]
    words += ["--max-jobs", "500", "--max-bytes", "1000000"]
    answer = on_fleet("tenants", "set", tenant, *words, "--json")

    assert answer.code == 0
    assert {name: (each["value"], each["origin"]) for name, each in answer.document["settings"].items()} == {
        "weight": (3.0, "own"),
        "max_running": (20, "own"),
        "rate": ("60/m", "own"),
        "burst": (10, "own"),
        "tokens_per_day": (1000000, "own"),
        "cost_per_day_usd": ("5.00", "own"),
        "on_budget": ("approve", "own"),
        "kinds": (["test.echo", "test.sleep"], "own"),
        "max_jobs": (500, "own"),
        "max_bytes": (1000000, "own"),
        "priority": (6, "own"),
    }


def test_only_what_is_given_changes_and_default_takes_it_back(on_fleet: Cli, tenant: str) -> None:
    on_fleet("tenants", "set", tenant, "--weight", "3", "--max-running", "20")
    on_fleet("tenants", "set", tenant, "--max-running", "default")
    its = on_fleet("tenants", "show", tenant, "--json").document["settings"]

    assert its["weight"] == {"value": 3.0, "origin": "own"}
    assert its["max_running"] == {"value": None, "origin": "built_in"}


def test_a_value_for_every_tenant_is_told_as_that(on_fleet: Cli, tenant: str) -> None:
    on_fleet("tenants", "set", "--default", "--rate", "30/s", "--burst", "2")
    shown = on_fleet("tenants", "show", tenant).out

    assert "rate             30/s, burst 2 (every tenant's)" in shown
    assert "priority         5 (built in)" in shown
    assert "spent today      0 tokens, $0" in shown
    assert "rate             30/s, burst 2\n" in on_fleet("tenants", "show", "--default").out
    assert "(own)" not in shown


def test_tenants_are_listed_with_their_limits(on_fleet: Cli, tenant: str) -> None:
    on_fleet("tenants", "set", tenant, "--max-running", "7", "--rate", "60/m")
    listed = on_fleet("tenants", "list")

    assert listed.out.splitlines()[0].split()[:4] == ["tenant", "weight", "running", "queued"]
    (line,) = [line for line in listed.out.splitlines() if line.startswith(tenant)]
    assert "0/7" in line
    assert "60/m" in line
    documents = on_fleet("tenants", "list", "--json").document
    assert tenant in {each["tenant"] for each in documents}


def test_a_kind_that_nobody_has_announced_is_pointed_out(on_fleet: Cli, tenant: str) -> None:
    answer = on_fleet("tenants", "set", tenant, "--kinds", "test.echo,orders.adit")

    assert answer.code == 0
    assert "no worker has announced orders.adit yet" in answer.err


def test_a_job_of_another_kind_is_refused(on_fleet: Cli, tenant: str) -> None:
    on_fleet("tenants", "set", tenant, "--kinds", "test.echo")
    refused = on_fleet("submit", "test.sleep", "--n", "0", "--tenant", tenant, "--json")

    assert refused.code == 2
    assert refused.document["error"]["fields"] == {"kind": f"tenant '{tenant}' may not have jobs of this kind"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["set"], "tenant: give its NAME, or --default for every tenant"),
        (["set", "*"], "tenant: '*' is no name; --default is for every tenant"),
        (["set", "acme", "--default"], "tenant: give either NAME or --default, not both"),
        (["set", "a b"], "tenant: 'a b' is no name of a tenant"),
        (["set", "acme", "--weight", "heavy"], "weight: must be a number from 0.01 to 1000"),
        (["set", "acme", "--max-running", "-1"], "max_running: must be a whole number from 0 on, which pauses"),
        (["set", "acme", "--rate", "6/y"], "rate: must be a number per s, m, h or d"),
        (["set", "acme", "--burst", "2"], "burst: is about a rate; give one"),
        (["set", "acme", "--cost-per-day", "free"], "cost_per_day_usd: must be dollars over 0"),
        (["set", "acme", "--on-budget", "panic"], "on_budget: must be fail, approve or cheaper"),
        (["set", "acme", "--kinds", ","], "kinds: must be names of kinds"),
        (["set", "acme", "--priority", "10"], "priority: must be a whole number from 0 to 9"),
        (["remove", "nobody"], "nothing is set for nobody"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(on_fleet: Cli, words: list[str], reason: str) -> None:
    answer = on_fleet("tenants", *words)

    assert answer.code == 2
    assert reason in answer.err


def test_removing_takes_it_back_to_the_defaults(on_fleet: Cli, tenant: str) -> None:
    on_fleet("tenants", "set", tenant, "--weight", "3")
    removed = on_fleet("tenants", "remove", tenant, "--json")

    assert removed.document == {"removed": tenant}
    assert on_fleet("tenants", "show", tenant, "--json").document["own"] is False


def test_without_redis_it_says_so(cli: Cli) -> None:
    assert cli("tenants", "list").code == 3
