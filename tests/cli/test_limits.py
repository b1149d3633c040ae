"""`backdesk limits` and `backdesk breakers`: one way to write scopes, for jobs and for outside services."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backdesk.cli.options.limit_scopes import JobScope, read_scope, written
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.service import Scope
from tests.cli.conftest import Cli
from tests.support.workers import Fleet


@pytest.fixture(autouse=True)
def clean(fleet: Fleet) -> Iterator[None]:
    """The fleet is shared: no limit is left behind."""
    yield
    keys = fleet.board.keys
    fleet.redis.delete(keys.policy, keys.service_limits)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("kind:orders.audit", JobScope(kind="orders.audit")),
        ("tenant:acme/kind:orders.audit", JobScope(kind="orders.audit", tenant="acme")),
        ("tenant:*/kind:orders.audit", JobScope(kind="orders.audit", tenant="*")),
        ("queue:agents", JobScope(queue="agents")),
        ("model:openai/gpt-4o", Scope("openai/gpt-4o")),
        ("model:openai/gpt-4o#3fa9c1d2", Scope("openai/gpt-4o", "3fa9c1d2")),
        ("tenant:acme/model:openai/gpt-4o", Scope("openai/gpt-4o", "", "acme")),
        ("tenant:*/model:openai/gpt-4o#3fa9c1d2", Scope("openai/gpt-4o", "3fa9c1d2", "*")),
        ("tenant:acme", Scope(tenant="acme")),
    ],
)
def test_a_scope_is_read_as_it_is_written(text: str, scope: JobScope | Scope) -> None:
    assert read_scope(text) == scope
    assert written(str(scope)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "kind:",
        "kind:a b",
        "queue:",
        "model:",
        "model:#abc",
        "model:openai/gpt-4o#",
        "tenant:",
        "tenant:a b",
        "tenant:acme/",
        "tenant:acme/queue:agents",
        "tenant:acme/tenant:other",
        "tenant:/kind:orders.audit",
        "what:ever",
    ],
)
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read_scope(text)


def test_a_service_may_also_be_called_that() -> None:
    assert read_scope("service:crm") == Scope("crm")


def test_a_limit_of_jobs_is_set_shown_listed_and_removed(on_fleet: Cli) -> None:
    said = on_fleet("limits", "set", "kind:test.sleep", "--max-running", "3", "--rate", "2/s", "--burst", "4")
    assert said.out.splitlines() == [
        "set kind:test.sleep",
        "kind:test.sleep  at most 3 running; 2/s begin, 4 at once after a rest",
        "  0 of 3 running, holds nobody",
    ]
    shown = on_fleet("limits", "show", "kind:test.sleep", "--json").document
    assert shown == {
        "about": "jobs",
        "scope": "kind:test.sleep",
        "limits": {"max_running": 3, "rate": "2/s", "burst": 4, "paused": None},
        "running": 0,
        "held": 0,
        "next_at": None,
    }
    assert on_fleet("limits", "list", "--json").document == [shown]
    assert on_fleet("limits", "remove", "kind:test.sleep").out == "removed the limits of kind:test.sleep\n"
    assert on_fleet("limits", "list").out.startswith("no limits; ")


def test_a_limit_of_a_model_is_set_and_only_what_is_given_changes(on_fleet: Cli) -> None:
    on_fleet("limits", "set", "model:openai/gpt-4o", "--requests-per-minute", "500", "--concurrent", "4")
    changed = on_fleet("limits", "set", "model:openai/gpt-4o", "--concurrent", "default", "--json").document

    assert (changed["about"], changed["scope"]) == ("service", "model:openai/gpt-4o")
    assert changed["limits"] == {"requests_per_minute": 500, "tokens_per_minute": None, "concurrent": None}


def test_both_sorts_are_in_one_list(on_fleet: Cli) -> None:
    on_fleet("limits", "set", "queue:tools", "--max-running", "9")
    on_fleet("limits", "set", "tenant:*/model:openai/gpt-4o", "--concurrent", "2")

    assert [each["scope"] for each in on_fleet("limits", "list", "--json").document] == [
        "queue:tools",
        "tenant:*/model:openai/gpt-4o",
    ]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["kind:test.sleep"], "give at least one of --max-running, --rate or --burst"),
        (["model:openai/gpt-4o"], "give at least one of --requests-per-minute"),
        (["model:openai/gpt-4o", "--max-running", "2"], "max_running: is about jobs, and model:openai/gpt-4o is not"),
        (["kind:test.sleep", "--concurrent", "2"], "concurrent: is about a model, and kind:test.sleep is not"),
        (["tenant:acme", "--max-running", "2"], "backdesk tenants set acme"),
        (["tenant:*", "--rate", "2/s"], "backdesk tenants set --default"),
        (["nonsense", "--rate", "2/s"], "'nonsense' is none; write such as kind:orders.audit"),
        (["kind:test.sleep", "--rate", "fast"], "rate: must be a number per s, m, h or d"),
        (["model:openai/gpt-4o", "--concurrent", "0"], "concurrent: "),
        (["model:openai/gpt-4o", "--concurrent", "default"], "none would be left"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_a_sentence(on_fleet: Cli, words: list[str], reason: str) -> None:
    answer = on_fleet("limits", "set", *words)

    assert answer.code == 2
    assert reason in answer.err
    assert on_fleet("limits", "list", "--json").document == []


def test_what_is_not_set_can_be_neither_shown_nor_removed(on_fleet: Cli) -> None:
    for command in ("show", "remove"):
        answer = on_fleet("limits", command, "model:openai/gpt-4o")
        assert (answer.code, answer.err) == (2, "Error: no limits are set for model:openai/gpt-4o\n")


def test_a_breaker_is_opened_for_a_while_listed_and_closed(on_fleet: Cli) -> None:
    opened = on_fleet("breakers", "open", "test/by-hand", "--for", "10m")
    assert opened.out == "opened test/by-hand for 10m; it was closed\n"
    (line,) = [line for line in on_fleet("breakers").out.splitlines() if line.startswith("test/by-hand")]
    assert "open" in line
    assert "by hand, for 9 min" in line
    closed = on_fleet("breakers", "close", "test/by-hand", "--json").document
    assert closed == {"resource": "test/by-hand", "state": "closed", "was": "open"}
    (known,) = [each for each in on_fleet("breakers", "--json").document if each["resource"] == "test/by-hand"]
    assert (known["state"], known["by_hand"]) == ("closed", False)


@pytest.mark.parametrize("words", [["open", "a b"], ["open", "x", "--for", "never"], ["open", "x", "--for", "0"]])
def test_a_breaker_needs_a_name_and_a_time(on_fleet: Cli, words: list[str]) -> None:
    assert on_fleet("breakers", *words).code == 2
