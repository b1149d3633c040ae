"""The kind `support.request`: a customer's message, answered by the agents."""

from __future__ import annotations

from tasks.agents.card import Question
from tasks.agents.provider import current_model
from tasks.agents.reporter import Reporter
from tasks.agents.runner import SupportRun
from tasks.agents.runtime import Budget, History, dump_history, load_history
from tasks.contracts import SupportRequest, SupportResult
from tasks.conversations import Past, recall, remember
from tasks.deployment import Deployment, deployment
from tasks.desk import Desk
from worker.context import TaskContext
from worker.task import task


@task("support.request", queue="agents")
async def support_request(ctx: TaskContext, request: SupportRequest) -> SupportResult:
    """Answer a customer's message: find out what they want, let a specialist act, or ask one question."""
    here = deployment()
    desk = Desk(here.database, ctx.tenant, ctx.job_id, request.customer_id)
    conversation_id = request.conversation_id or ctx.job_id
    reporter = Reporter(ctx)
    reporter.stage(0.05, "Reading the message")
    past = await recall(desk, conversation_id)
    run = _run(here, desk, reporter, past)
    known = len(run.history)
    output = await run.answer(request.message)
    reporter.stage(0.95, "Keeping the conversation")
    clarifying = isinstance(output, Question)
    await remember(desk, conversation_id, dump_history(run.history[known:]), clarifying=clarifying)
    if isinstance(output, Question):  # it came as a tool call, which is not streamed
        reporter.text(output.question, begins=True)
    return run.result(request, output)


def _run(here: Deployment, desk: Desk, reporter: Reporter, past: Past) -> SupportRun:
    settings = here.settings
    history: History = [message for turn in past.turns for message in load_history(turn)]
    return SupportRun(
        desk=desk,
        model=current_model(settings),
        budget=Budget(
            requests=settings.max_model_requests,
            tool_calls=settings.max_tool_calls,
            tool_timeout_s=settings.tool_timeout_s,
        ),
        reporter=reporter,
        past=past,
        history=history,
        max_handoffs=settings.max_handoffs,
    )
