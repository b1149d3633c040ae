"""How `example.kind` behaves: the real engine on a bench, without a server to start or a pause."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from backdesk.testing import Bench
from backdesk.worker import InvalidRequest

from backdesk.templates.plain import ExampleKindRequest

THREE_WORDS = ExampleKindRequest(text="one two three")


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


def test_words_are_counted(bench: Bench) -> None:
    job = bench.run("example.kind", THREE_WORDS, tenant="acme")
    assert job.result.words == 3
    assert job.of("progress")[0]["message"] == "Counting"


def test_a_job_goes_on_when_its_worker_dies(bench: Bench) -> None:
    job = bench.submit("example.kind", THREE_WORDS)
    assert bench.lose(job, after=1)
    assert bench.go_on(job).result.words == 3


def test_a_text_without_words_is_an_error(bench: Bench) -> None:
    job = bench.run("example.kind", {"text": " "})
    assert job.error is not None
    assert job.error.code == "no_words"


def test_a_request_without_a_text_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidRequest, match="text"):
        bench.submit("example.kind", {})
