"""The kind `team.collaborate`: each expert answers in a job of its own; who is late is dropped, and its job ends.

The deadline is a step of the job and the time limit of its children (`expires`), so that the engine ends them wherever
they are, whatever becomes of this job's worker. All children pay from the budget of this job.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from backdesk.agents import AgentRequest, Team, agent_task, answer
from backdesk.kinds.collaborate.combination import Combined, combined_by_model, combined_by_rule
from backdesk.kinds.collaborate.contract import (
    ANSWER,
    AnswerRequest,
    AnswerResult,
    CollaborateRequest,
    CollaborateResult,
    Disagreement,
    ExpertAnswer,
)
from backdesk.kinds.collaborate.differences import differences
from backdesk.kinds.collaborate.experts import experts
from backdesk.platform.deployment import deployment
from backdesk.worker import ChildCall, TaskContext, TaskError
from backdesk.worker.failure import Category
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.child import ChildEnd
from backdesk.worker.model.job import JobState

#: What an expert has at least, and what is left below which no further round begins. Seconds.
LEAST_S = 0.05
LEAST_ROUND_S = 1.0


@agent_task("team.answer", chat=None)
async def team_answer(ctx: TaskContext, request: AnswerRequest) -> AnswerResult:
    """Have one expert answer."""
    expert = next((each for each in experts() if each.name == request.expert), None)
    if expert is None:
        raise _unknown([request.expert])
    message = request.message
    if request.others:
        message = f"{message}\n\nThe others have answered: {json.dumps(request.others, ensure_ascii=False)}"
    given = await answer(ctx, Team(expert.name, (expert.card,), rules=expert.rules), AgentRequest(message=message))
    return AnswerResult(expert=expert.name, answer=given.answer, model=given.model, offline=given.offline)


@agent_task(
    "team.collaborate",
    fallback_for=lambda _failure: False,
    chat=Chat(input="message", output="answer", text="final"),
)
async def team_collaborate(ctx: TaskContext, request: CollaborateRequest) -> CollaborateResult:
    """Ask several experts at once, and put their answers together."""
    names = list(dict.fromkeys(request.experts)) or [each.name for each in experts()]
    if strangers := sorted({*names} - {each.name for each in experts()}):
        raise _unknown(strangers)
    until: datetime = await ctx.step("until", _now_and, request.deadline_s, effect="pure", returns=datetime)
    latest: dict[str, ExpertAnswer] = {}
    held = 0
    for number in range(1, request.rounds + 1):
        new = not ctx.finished(f"round-{number}")
        if not await ctx.step(f"round-{number}", _begins, number, until, effect="pure", returns=bool):
            break
        if new:  # what was told is not told again when the answers are there
            ctx.progress(
                (number - 1) / request.rounds, f"Round {number}: {_counted(len(names), 'expert')} asked", round=number
            )
        left = max(timedelta(seconds=LEAST_S), until - datetime.now(UTC))
        ends = await ctx.call_all(_calls(request.message, names, latest, number, left))
        _take(latest, [_answer(name, number, end) for name, end in zip(names, ends, strict=True)])
        held = number
    return await _put_together(ctx, request.message, latest, held)


def _calls(
    message: str, names: Sequence[str], latest: Mapping[str, ExpertAnswer], number: int, left: timedelta
) -> list[ChildCall]:
    return [
        ChildCall(
            ANSWER.kind,
            AnswerRequest(message=message, expert=name, others=_others(latest, name)),
            key=f"{number}/{name}",
            expires=left,
        )
        for name in names
    ]


def _others(latest: Mapping[str, ExpertAnswer], name: str) -> dict[str, str]:
    return {other: each.answer for other, each in latest.items() if other != name and each.answer is not None}


def _answer(name: str, number: int, end: ChildEnd) -> ExpertAnswer:
    if end.ok:
        return ExpertAnswer(expert=name, round=number, answer=end.value()["answer"], job_id=end.job_id)
    late = end.state is JobState.EXPIRED
    code = "expired" if late else end.error.code if end.error else str(end.state)
    told = "had not answered at the deadline" if late else end.error.message if end.error else ""
    return ExpertAnswer(expert=name, round=number, error=code, message=told, job_id=end.job_id)


def _take(latest: dict[str, ExpertAnswer], new: Sequence[ExpertAnswer]) -> None:
    """Keep what an expert has answered before where it has not answered now."""
    for each in new:
        if each.answer is not None or latest.get(each.expert) is None:
            latest[each.expert] = each


async def _put_together(
    ctx: TaskContext, question: str, latest: Mapping[str, ExpertAnswer], rounds: int
) -> CollaborateResult:
    answers = {name: each.answer for name, each in latest.items() if each.answer is not None}
    if not answers:
        why = "; ".join(f"{name}: {each.error}" for name, each in latest.items())
        raise TaskError("no_answers", f"none of the experts has answered ({why})")
    found = differences(answers, deployment().database.of(ctx.tenant).today())
    made = await combined_by_model(ctx, question, answers, found) if len(answers) > 1 else None
    if made is not None:
        found = [*found, *_told_by_model(made, answers)]
    ctx.progress(1.0, f"{_counted(len(answers), 'answer')}, {_counted(len(found), 'difference')}")
    return CollaborateResult(
        answer=made.answer if made is not None else combined_by_rule(answers, found),
        answers=[*latest.values()],
        disagreements=found,
        dropped=[name for name, each in latest.items() if each.error == "expired"],
        rounds=rounds,
        combined_by="rule" if made is None else "model",
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _told_by_model(made: Combined, answers: Mapping[str, str]) -> Iterator[Disagreement]:
    """Yield the points of a model, as far as they are of experts who have answered."""
    for point in made.disagreements:
        if said := {name: [words] for name, words in point.said.items() if name in answers}:
            yield Disagreement(about=point.about, said=said)


def _now_and(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _begins(number: int, until: datetime) -> bool:
    return number == 1 or until - datetime.now(UTC) > timedelta(seconds=LEAST_ROUND_S)


def _unknown(names: Sequence[str]) -> TaskError:
    known = ", ".join(each.name for each in experts())
    return TaskError("unknown_expert", f"{', '.join(names)}: known are {known}", category=Category.VALIDATION)
