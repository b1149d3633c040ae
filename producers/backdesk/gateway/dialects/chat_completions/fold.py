"""Chunks of a stream, folded from the parts of a turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backdesk.gateway.problems import Problem
from backdesk.gateway.turns import Asked, Ended, Part, Progressed, TextDelta, TextVoided
from backdesk.worker.model.job import JobRecord, JobState

Chunk = dict[str, Any]


def completion_id(job_id: str) -> str:
    """Return how a job is called as a completion."""
    return f"chatcmpl-{job_id}"


class CompletionFold:
    """The answer of a job as chunks. Give it the parts of the turn from the first on.

    Words that were sent cannot be taken back in this protocol: then the stream ends by an error.
    """

    def __init__(self, job_id: str, kind: str, created: int) -> None:
        self._job_id = job_id
        self._common = {"id": completion_id(job_id), "created": created, "model": kind, "system_fingerprint": None}
        #: The answer so far.
        self.text = ""
        self.problem: Problem | None = None
        self.ended = False

    def opening(self) -> Chunk:
        """Return the first chunk, which can be sent before there is anything to say."""
        return self._chunk({"role": "assistant", "content": ""})

    def read(self, part: Part) -> Iterator[Chunk]:
        """Yield the chunks that a part comes to."""
        if self.ended:
            return
        match part:
            case TextDelta():
                self.text += part.text
                yield self._chunk({"content": part.text})
            case TextVoided():
                told = "the answer that was begun is void; ask for it by its job"
                self._fail(Problem(500, "answer_voided", f"{told}: {self._job_id}"))
            case Asked() if part.asks:
                yield from self._wait("; ".join(ask.prompt for ask in part.asks))
            case Ended(state=JobState.SUCCEEDED):
                self.ended = True
                yield self._chunk({}, "stop")
            case Ended():
                self._fail(problem_of_end(part))

    def _wait(self, prompt: str) -> Iterator[Chunk]:
        """Say that a person is asked: this protocol has no other way."""
        words = f"{' ' if self.text else ''}A person has to decide first: {prompt} (job {self._job_id})"
        self.text += words
        self.ended = True
        yield self._chunk({"content": words})
        yield self._chunk({}, "stop")

    def _fail(self, problem: Problem) -> None:
        self.problem, self.ended = problem, True

    def _chunk(self, delta: Chunk, finish: str | None = None) -> Chunk:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._common, "object": "chat.completion.chunk", "choices": [choice]}

    def usage(self, record: JobRecord) -> Chunk:
        """Return the chunk that tells what the job took."""
        return {**self._common, "object": "chat.completion.chunk", "choices": [], "usage": usage_of(record)}

    def completion(self, record: JobRecord) -> Chunk:
        """Return the answer as a whole."""
        message = {"role": "assistant", "content": self.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return {**self._common, "object": "chat.completion", "choices": [choice], "usage": usage_of(record)}


def comment(part: Part) -> bytes | None:
    """Return what tells of progress to a person who reads along: clients pass over comments."""
    if not isinstance(part, Progressed) or not part.message:
        return None
    return b": " + part.message.replace("\n", " ").replace("\r", " ").encode() + b"\n\n"


def problem_of_end(part: Ended) -> Problem:
    """Return why there is no answer. A repeat would be another job, so clients are told to leave it."""
    status = 409 if part.state is JobState.CANCELLED else 500
    return Problem(status, part.code, part.message or part.state, headers={"x-should-retry": "false"})


def usage_of(record: JobRecord) -> dict[str, int]:
    """Return what a job took of the model."""
    used = record.usage
    read, written = (used.input_tokens, used.output_tokens) if used else (0, 0)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
