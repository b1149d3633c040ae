"""The kind `research.report`: a question becomes a report, of which each sentence names its sources.

Its parts are kinds of their own: `research.reading` and `research.section` work side by side on the queue `agents`, and
`research.render` lays out the PDF on the queue `tools`, in a process of its own. What does the work of each (`report`,
`reading`, `writing`, `rendering`) is loaded by its first job.
"""

from __future__ import annotations

from backdesk.agents import Team
from backdesk.agents.kind import RETRY, prepare
from backdesk.kinds.research.agents import MENDER, OUTLINER, PLANNER, READER, STEERER, WRITER
from backdesk.kinds.research.contract import (
    ReadingRequest,
    ReadingResult,
    RenderRequest,
    RenderResult,
    ResearchRequest,
    ResearchResult,
    SectionRequest,
    SectionResult,
)
from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.task import task
from backdesk.worker.failure import Failure
from backdesk.worker.model.chat import Chat

TEAM = Team("research", (PLANNER, READER, OUTLINER, WRITER, MENDER, STEERER))


def is_spent(failure: Failure) -> bool:
    """Whether a job ends because there is nothing left to spend."""
    from backdesk.kinds.research.stages import SPENT  # noqa: PLC0415 - of no use to a worker without reports

    return failure.code in SPENT


async def with_what_there_is(ctx: TaskContext, request: ResearchRequest, failure: Failure) -> ResearchResult:
    """Make the report of what was found before all was spent. Raises TaskError when that is nothing."""
    from backdesk.kinds.research import report  # noqa: PLC0415 - same

    return await report.with_what_there_is(ctx, request, failure)


@task(
    "research.report",
    retry=RETRY,
    timeout=3600,
    fallback=with_what_there_is,
    fallback_for=is_spent,
    prepare=prepare,
    prompts=TEAM.announced_prompts(),
    chat=Chat(input="message", conversation="conversation_id", output="answer", text="final"),
)
async def research_report(ctx: TaskContext, request: ResearchRequest) -> ResearchResult:
    """Report on a question from sources, in sections whose sentences cite them, as Markdown and PDF."""
    from backdesk.kinds.research.report import report  # noqa: PLC0415 - same

    return await report(ctx, request)


@task("research.reading", retry=RETRY, timeout=600)
async def research_reading(ctx: TaskContext, request: ReadingRequest) -> ReadingResult:
    """Read a source for topics, and note what it says to them in its own words."""
    from backdesk.kinds.research.reading import read  # noqa: PLC0415 - same

    return await read(ctx, request)


@task("research.section", retry=RETRY, timeout=600)
async def research_section(ctx: TaskContext, request: SectionRequest) -> SectionResult:
    """Write a section by its notes; what code finds wrong is written again once, and then dropped or marked."""
    from backdesk.kinds.research.writing import write  # noqa: PLC0415 - same

    return await write(ctx, request)


@task("research.render", queue="tools", timeout=120)
def research_render(ctx: BlockingContext, request: RenderRequest) -> RenderResult:
    """Lay a report out as a PDF, which is kept as a file of the job."""
    from backdesk.kinds.research.rendering import render  # noqa: PLC0415 - same

    return render(ctx, request)
