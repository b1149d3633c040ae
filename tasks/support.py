"""The kind `support.request`: a customer's message, answered by the agents."""

from __future__ import annotations

from tasks.agents.card import Question
from tasks.agents.journal import Journal
from tasks.agents.metering import FleetLimits
from tasks.agents.provider import current_model
from tasks.agents.reporter import Reporter
from tasks.agents.runner import SupportRun
from tasks.agents.runtime import Account, Budget, dump_history, load_history, rehearse
from tasks.apology import apologize
from tasks.contracts import ModelUsage, SupportRequest, SupportResult
from tasks.conversations import Past, recall, remember
from tasks.deployment import Deployment, deployment
from tasks.desk import Desk, desk_for
from worker.context import TaskContext
from worker.failure import Category
from worker.ledger import Effect
from worker.retry import RetryPolicy
from worker.task import task

#: A customer waits: up to 2, 4, 8 and 16 s between attempts, or what the provider asks for. An attempt that fails loses
#: nothing but the request that failed, and what a model has garbled it may well say properly the next time.
RETRY = RetryPolicy(base_s=2, cap_s=60, categories=RetryPolicy().categories | {Category.DATA_CORRUPTION})
#: An attempt may well ask the model ten times; whatever it has finished by then is not lost.
ATTEMPT_S = 900.0


@task("support.request", queue="agents", retry=RETRY, timeout=ATTEMPT_S, fallback=apologize, prepare=rehearse)
async def support_request(ctx: TaskContext, request: SupportRequest) -> SupportResult:
    """Answer a customer's message: find out what they want, let a specialist act, or ask one question."""
    here = deployment()
    desk = desk_for(ctx, here, request.customer_id)
    conversation_id = request.conversation_id or ctx.job_id
    reporter = Reporter(ctx)
    # A step, so that what is said in the conversation meanwhile does not change the ground under a later attempt.
    past: Past = await ctx.step("conversation", recall, desk, conversation_id, effect=Effect.PURE)
    run = _run(ctx, here, desk, reporter, past)
    output = await run.answer(request.message)
    reporter.stage(0.95, "Keeping the conversation")
    clarifying = isinstance(output, Question)
    await remember(desk, conversation_id, dump_history(run.turn), clarifying=clarifying)
    if isinstance(output, Question):  # it came as a tool call, which is not streamed
        reporter.text(output.question, begins=True)
    return run.result(conversation_id, output)


def _run(ctx: TaskContext, here: Deployment, desk: Desk, reporter: Reporter, past: Past) -> SupportRun:
    settings = here.settings
    journal = Journal(ctx, desk, reporter, settings.approval_within_s, cheaper=settings.cheaper_model is not None)
    bookmark = journal.open()
    reporter.stage(0.05, "Going on where the work stopped" if bookmark else "Reading the message")
    budget = Budget(
        requests=settings.max_model_requests,
        tool_calls=settings.max_tool_calls,
        tool_timeout_s=settings.tool_timeout_s,
        spent=bookmark.usage if bookmark else ModelUsage(cost_usd=0.0),
    )
    reporter.spent(budget.spent)
    return SupportRun(
        desk=desk,
        model=current_model(settings),
        budget=budget,
        account=Account(ctx, settings.max_answer_tokens),
        gates=[FleetLimits(ctx)],
        reporter=reporter,
        journal=journal,
        past=[message for turn in past.turns for message in load_history(turn)],
        turn=load_history(bookmark.messages) if bookmark else [],
        may_ask=not past.asked,
        max_handoffs=settings.max_handoffs,
    )
