"""The opinion of the judge model, for a kind that has no agents of its own to be judged."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

from backdesk.agents.desk import Desk
from backdesk.agents.exchange import around_of
from backdesk.agents.failures import ModelFailure
from backdesk.agents.journal import Journal
from backdesk.agents.provider import current_model
from backdesk.agents.reporter import Reporter
from backdesk.agents.runtime import ModelHandle
from backdesk.agents.runtime.judging import Opinion, opinion
from backdesk.platform.deployment import deployment
from backdesk.platform.settings import TaskSettings
from backdesk.worker.attempt.context import TaskContext

T = TypeVar("T", bound=BaseModel)


async def opinion_on(
    ctx: TaskContext, judgement: type[T], instructions: str, text: str, *, name: str, any_model: bool = False
) -> Opinion[T] | None:
    """Return what the judge model finds of a text, by a type, and what that took; None where none is configured.

    With `any_model` the cheaper model, or else the model of the deployment, does it where no judge is configured.

    A request of its own, by that `name`: it passes the limits of the fleet, is paid for by the job, and is made once
    for the same in the life of the job. A judge that cannot answer has found nothing.
    """
    here = deployment()
    desk: Desk = Desk(here.database, ctx.tenant, None, ctx.idempotency_key, here.settings)
    reporter = Reporter(ctx)
    around = around_of(ctx, desk, reporter, Journal(ctx, desk, reporter, cheaper=False))
    model = around.judge or (_any_model(here.settings) if any_model else None)
    if model is None:
        return None
    found = await opinion(judgement, instructions, text, name=name, model=model, around=around)
    return Opinion[judgement](found=found, usage=around.budget.spent)  # type: ignore[valid-type]  # made here


def _any_model(settings: TaskSettings) -> ModelHandle | None:
    try:
        return current_model(settings, None, settings.cheaper_model)
    except ModelFailure:  # no model is configured
        return None
