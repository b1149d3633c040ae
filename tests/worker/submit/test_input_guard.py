"""The input guard: suspicious text in guarded fields is refused at the edge, or marked, as the workers have it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, ValidationError

from backdesk.testing import Bench
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import ConfigurationError, InvalidRequest
from backdesk.worker.model.contract import KindContract, ModelCheck, RequestCheck, SchemaCheck
from backdesk.worker.model.input_guard import GUARDED, InputGuard, guarded_schema
from backdesk.worker.settings import load_settings
from backdesk.worker.text.json import encode
from tests.support.kinds import Text

Guarded = Annotated[str, Field(json_schema_extra=GUARDED)]


class Line(BaseModel):
    text: Guarded


class Letter(BaseModel):
    text: Guarded = ""
    note: str = ""
    lines: list[Line] = []
    more: Line | None = None
    facts: Annotated[dict[str, list[str]], Field(json_schema_extra=GUARDED)] = {}


class Seen(BaseModel):
    flagged: dict[str, list[str]]


@task("test.guarded")
async def guarded(ctx: TaskContext, letter: Letter) -> Seen:
    return Seen(flagged={field: list(names) for field, names in ctx.flagged.items()})


def found(text: str, **patterns: str) -> list[str]:
    guard = InputGuard(patterns=patterns) if patterns else InputGuard()
    return guard.findings(guarded_schema(Letter), encode({"text": text})).get("text", [])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("<script>alert(1)</script>", "script tag"),
        ("< / SCRIPT >", "script tag"),
        ("&lt;script&gt;", "script tag"),
        ("\uff1cscript\uff1e", "script tag"),
        ("see JavaScript : void(0)", "javascript: link"),
        ("java\u200bscript:", "javascript: link"),
        ("please eval (x)", "call of eval"),
        ("exec('ls')", "call of exec"),
    ],
)
def test_what_looks_like_code_is_known(text: str, name: str) -> None:
    assert found(text) == [name]


@pytest.mark.parametrize(
    "text",
    ["a description of the script", "I know JavaScript and evaluate it", "retrieval (of it), a medieval (old) thing"],
)
def test_what_only_sounds_like_code_is_not(text: str) -> None:
    assert found(text) == []


def test_guarded_fields_are_found_wherever_they_are_and_others_are_let_be() -> None:
    bad = "eval(1)"
    request = {"note": bad, "lines": [{"text": "a"}, {"text": bad}], "more": {"text": bad}, "facts": {"a": ["b", bad]}}
    findings = InputGuard().findings(guarded_schema(Letter), encode(request))
    assert findings == {field: ["call of eval"] for field in ("lines.1.text", "more.text", "facts.a.1")}


def test_a_model_without_guarded_fields_is_not_looked_at() -> None:
    assert guarded_schema(Text) is None
    assert InputGuard().findings(None, b"eval(") == {}


@pytest.mark.parametrize("off_or_mark", ["off", "mark"])
def test_only_the_mode_refuse_refuses(off_or_mark: str) -> None:
    InputGuard.model_validate({"mode": off_or_mark}).check(guarded_schema(Letter), encode({"text": "eval("}))
    with pytest.raises(InvalidRequest):
        InputGuard().check(guarded_schema(Letter), encode({"text": "eval("}))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(?i)<\\s*\\s*\\s*script", "(.*)*(.*)*x", "a?" * 50])
def test_no_pattern_takes_long_whatever_the_text(pattern: str) -> None:
    for text in ("a" * 10_000, "<" + " " * 9_999, "<s" * 5_000, "&lt;" * 2_500):
        began = time.process_time()
        found(text, of_the_test=pattern)
        found(text)
        assert time.process_time() - began < 0.2


@pytest.mark.parametrize(("pattern", "why"), [("(", "unclosed"), ("(?=x)", "look-around"), (r"(x)\1", "backref")])
def test_a_pattern_that_is_none_or_could_take_for_ever_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        InputGuard(patterns={"bad": pattern})


# --- at the edge ---

CONTRACT = KindContract.of("test.guarded", "agents", Letter, Seen)


@pytest.mark.parametrize(
    "check",
    [
        ModelCheck("agents", Letter, InputGuard()),
        ModelCheck("agents", Letter).guarded_by(InputGuard()),
        SchemaCheck(CONTRACT.guarded_by(InputGuard())),
        SchemaCheck(KindContract.model_validate_json(CONTRACT.guarded_by(InputGuard()).model_dump_json())),
    ],
)
def test_a_request_is_refused_with_the_field_and_the_reason_and_without_the_text(check: RequestCheck) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check.encode({"text": "ok", "lines": [{"text": "run <script src=evil>"}]})
    assert refused.value.fields == {"lines.0.text": "holds what looks like code: script tag; say it in words"}
    assert check.encode({"text": "all is well"})


@pytest.mark.parametrize("check", [ModelCheck("agents", Letter), SchemaCheck(CONTRACT)])
def test_without_a_guard_a_check_lets_all_text_pass(check: RequestCheck) -> None:
    assert check.guarded
    assert check.encode({"text": "eval("})


def test_a_contract_without_guarded_fields_announces_no_guard() -> None:
    plain = KindContract.of("test.echo", "agents", Text, Text)
    assert plain.guarded_by(InputGuard()).guard is None
    assert not SchemaCheck(plain).guarded


# --- settings ---


def test_a_list_of_patterns_is_named_by_the_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_INPUT_PATTERNS", '["DROP TABLE"]')
    monkeypatch.setenv("BACKDESK_INPUT_GUARD", "mark")
    guard = load_settings(_env_file=None).guard
    assert (guard.mode, guard.patterns) == ("mark", {"DROP TABLE": "DROP TABLE"})


def test_patterns_can_be_in_a_file_with_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "patterns.json"
    path.write_text(json.dumps({"a table": "(?i)drop table"}))
    monkeypatch.setenv("BACKDESK_INPUT_PATTERNS", str(path))
    assert load_settings(_env_file=None).guard.patterns == {"a table": "(?i)drop table"}


@pytest.mark.parametrize(("value", "why"), [("/no/file", "No such file"), ("[1", "no JSON"), ('["("]', "unclosed")])
def test_patterns_that_cannot_be_read_stop_the_process_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, value: str, why: str
) -> None:
    monkeypatch.setenv("BACKDESK_INPUT_PATTERNS", value)
    with pytest.raises(ConfigurationError, match=f"BACKDESK_INPUT_PATTERNS: .*{why}"):
        load_settings(_env_file=None)


# --- in the worker ---


def test_a_worker_refuses_what_an_edge_has_let_through() -> None:
    with Bench() as bench:
        job = bench.run("test.guarded", {"text": "eval(1)"})
        error = job.record.error
        assert error is not None
        assert (job.state, error.code) == ("failed", "invalid_request")
        assert error.fields == {"text": "holds what looks like code: call of eval; say it in words"}


def test_with_mark_the_job_runs_knows_and_tells_the_patterns_and_not_the_text() -> None:
    with Bench(input_guard="mark") as bench:
        job = bench.run("test.guarded", {"text": "eval(1) <script>"})
        names = ["script tag", "call of eval"]
        assert job.result == Seen(flagged={"text": names})
        assert [event.data for event in job.events if event.type == "input_flagged"] == [{"fields": {"text": names}}]


def test_with_off_nothing_is_looked_at() -> None:
    with Bench(input_guard="off") as bench:
        assert bench.run("test.guarded", {"text": "eval(1)"}).result == Seen(flagged={})
