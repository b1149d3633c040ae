"""The keys of steps that a library names: a promise to jobs that began under code of another day."""

from __future__ import annotations

import pytest

from backdesk.worker import StepNames
from backdesk.worker.attempt.step_names import clean


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("clerk__model.request", "clerk__model.request"),
        ("clerk__function_toolset__<agent>.call_tool:pay", "clerk__function_toolset__agent.call_tool:pay"),
        ("my agent__model.request", "my-agent__model.request-5009dce0"),
        ("客服__model.request", "model.request-3b17fd8a"),
        ("x" * 200, "x" * 131 + "-01d7de14"),
        ("<>", "223d7eef"),
    ],
)
def test_a_name_becomes_a_key_of_the_ledger_and_never_another_one(name: str, key: str) -> None:
    assert clean(name) == key


@pytest.mark.parametrize(("one", "other"), [("a b", "a-b"), ("a b", "a+b"), ("<x>", "-x-"), ("客", "服")])
def test_different_names_have_different_keys(one: str, other: str) -> None:
    assert clean(one) != clean(other)


def test_what_comes_again_is_numbered_in_its_order_by_its_name_and_call() -> None:
    names = StepNames()
    met = [names.next("model"), names.next("tool", "c1"), names.next("model"), names.next("tool", "c2")]
    assert met == ["model", "tool/c1", "model/2", "tool/c2"]
    assert names.next("tool", "c1") == "tool/c1/2"


def test_the_longest_key_is_one_of_the_ledger() -> None:
    names = StepNames()
    for _ in range(1000):
        key = names.next("n" * 500, "i" * 500)
    assert len(key) <= 200
