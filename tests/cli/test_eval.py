"""`backdesk eval`: golden conversations from files, on a deployment of their own or the one that runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from backdesk.cli.options.golden import read_golden, with_files
from backdesk.cli.views.evals import changes_of, summary_of
from backdesk.worker.errors import InvalidRequest
from tests.cli.conftest import Cli, begin, finish

#: A refusal that needs no model and no sample: whoever is no member hears so.
STRANGER = {
    "name": "a stranger is no member",
    "fields": {"organisation_id": "aurora", "user_id": "nobody"},
    "turns": [{"say": "What is the budget?", "expect": {"outcome": "failed", "code": "not_a_member"}}],
}
ASKED = {**STRANGER, "name": "asked", "turns": [{"say": "Hi", "expect": {"judge": ["The answer is polite"]}}]}
WRONG = {"name": "wrong", "fields": STRANGER["fields"], "turns": [{"say": "Hi", "expect": {"outcome": "answer"}}]}


def written(folder: Path, *conversations: Any, **shared: Any) -> Path:
    path = folder / "golden.yaml"
    path.write_text(yaml.safe_dump({"kind": "org.assistant", **shared, "conversations": list(conversations)}))
    return path


def test_golden_conversations_are_held_on_a_fresh_deployment_and_told_of(home: Path) -> None:
    path = written(home, STRANGER, WRONG, ASKED)
    told = finish(begin("eval", str(path), cwd=home))

    assert told.code == 1
    assert "org.assistant: wrong" in told.out
    assert "turn 1, outcome: it ends as failed (not_a_member), not as answer" in told.out
    assert "2 of 3 passed" in told.out, "criteria that nobody has judged are no fault"
    assert "criteria not judged: 1;" in told.out
    assert json.loads((home / ".backdesk" / "evals.json").read_text())["summary"]["passed"] == 2


def test_what_code_alone_holds_is_held_by_the_rules_of_the_offline_model_too(home: Path) -> None:
    told = finish(begin("eval", "--tag", "offline", "--json", cwd=home), within_s=600)
    report = json.loads(told.out)
    faults = [(each["name"], each["faults"]) for each in report["conversations"] if not each["passed"]]

    assert (told.code, faults) == (0, [])
    assert report["summary"]["not_judged"] > 0, "and what no rule can tell is not taken for held"


def test_what_has_changed_since_the_last_run_is_told() -> None:
    then = [report("a", passed=True), report("b", passed=False), report("c", passed=True)]
    now = [report("a", passed=False), report("b", passed=True), report("d", passed=True)]

    assert changes_of(now, then) == {"broken": ["a"], "mended": ["b"], "new": ["d"], "gone": ["c"]}


def test_a_cost_that_is_not_known_of_one_is_not_known_of_all() -> None:
    assert summary_of([report("a", cost_usd=0.25), report("b", cost_usd=0.5)])["cost_usd"] == 0.75
    assert summary_of([report("a", cost_usd=0.25), report("b", cost_usd=None)])["cost_usd"] is None


def report(name: str, **facts: Any) -> dict[str, Any]:
    figures = {"requests": 1, "cost_usd": 0.0, "not_judged": 0, "judge_cost_usd": 0.0}
    return {"name": name, "passed": True, **figures, **facts}


def test_what_a_file_says_once_holds_for_all_of_its_conversations(tmp_path: Path) -> None:
    own = {"name": "n", "fields": {"a": 2}, "tags": ["own"], "turns": ["Hello", {"say": "Bye"}]}
    path = written(tmp_path, own, kind="k", language="de", tags=["all"], fields={"a": 1, "b": 1})

    (conversation,) = read_golden([path])

    assert conversation == {
        "name": "n",
        "kind": "k",
        "language": "de",
        "tags": ["all", "own"],
        "fields": {"a": 2, "b": 1},
        "turns": [{"say": "Hello"}, {"say": "Bye"}],
    }


def test_a_file_beside_the_yaml_is_attached_to_what_a_turn_says(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"PNG")
    own = {"name": "n", "turns": [{"say": "Look", "attach": "photo.png", "fields": {"a": 1}}, "Well?"]}
    attached: list[Sequence[str]] = []

    def attach(paths: Sequence[str]) -> list[dict[str, Any]]:
        attached.append(paths)
        return [{"id": "att-1"}]

    (conversation,) = read_golden([written(tmp_path, own)])

    assert with_files(conversation, attach)["turns"] == [
        {"say": "Look", "fields": {"a": 1, "attachments": [{"id": "att-1"}]}},
        {"say": "Well?"},
    ]
    assert attached == [[str(tmp_path / "photo.png")]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "conversations: [{name: a, turns: [{say: Hi, attach: [b.png]}]}]",
            "'a' attaches b.png, and there is no such file beside it",
        ),
        ("- a", "must list conversations"),
        ("conversations: 3", "must list conversations"),
        ("conversations: []", "there are no conversations"),
        ("conversations: [{turns: []}]", "conversation 1 has no name"),
        ("conversations: [{name: a}, {name: a}]", "two conversations of the name 'a'"),
        ("kinds: a\nconversations: []", "'kinds' is none of"),
        ("conversations: [", "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_name(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "golden.yaml"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=reason):
        read_golden([path])


def test_options_that_fit_no_conversation_are_refused(cli: Cli, tmp_path: Path) -> None:
    told = cli("eval", str(written(tmp_path, STRANGER)), "--tag", "money")

    assert told.code == 2
    assert "none of 1 conversations fits" in told.err
