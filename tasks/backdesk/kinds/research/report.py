"""A report: its stages, the last check, and what the caller gets."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from backdesk.kinds.research.assembly import Assembly
from backdesk.kinds.research.contract import (
    RENDER,
    RenderRequest,
    RenderResult,
    ResearchRequest,
    ResearchResult,
)
from backdesk.kinds.research.markdown import markdown
from backdesk.kinds.research.progress import Progress
from backdesk.kinds.research.rules import language_for, outline_by_rules
from backdesk.kinds.research.stages import SPENT, Stages, sections_of
from backdesk.kinds.research.verification import verified
from backdesk.kinds.research.work import Work
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.errors import BlobStoreUnavailable, BlobTooLarge, TaskError
from backdesk.worker.failure import Failure
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.child import ChildEnd

#: Under which name the body leaves its work to its fallback.
WORK = "research"
#: Under which names the end of the job is in its ledger: as it was planned, or before all was done. An attempt may come
#: to both, when its time is over at the end.
WHOLE, SHORT = "whole", "short"
#: A report of more characters is not in the result, but in its file.
MOST_IN_RESULT = 60_000
#: How long the PDF is waited for where no worker has the queue `tools`. Seconds.
PDF_WITHIN_S = 900
NO_FONTS = (
    "The PDF has empty boxes for {scripts}: where it was made there is no font for that. Install one, such as Debian's "
    "fonts-noto-cjk, or name a folder of fonts by BACKDESK_RESEARCH_FONTS."
)


async def with_what_there_is(ctx: TaskContext, request: ResearchRequest, failure: Failure) -> ResearchResult:
    """Make the report of what was found before all was spent. Raises TaskError when that is nothing."""
    work: Work | None = ctx.aside.get(WORK)
    if work is None:  # a budget of time is over before the body begins: what is done is in the ledger
        try:
            work = (await _worked(ctx, request))[0]
        except TaskError as error:
            if error.code not in SPENT:
                raise
            work = ctx.aside[WORK]
    if work.plan is None or not work.notes:
        raise TaskError(failure.code, failure.message, category=failure.category)
    work.ended_by = failure
    if not work.outline:
        most = work.most_sections
        made = outline_by_rules(work.planned, work.usable, most)
        work.outline = sections_of(made, {each.number for each in work.usable}, most)
    return await _result(ctx, work, SHORT)


async def report(ctx: TaskContext, request: ResearchRequest) -> ResearchResult:
    """Report on a question."""
    work, progress = await _worked(ctx, request)
    result = await _result(ctx, work, WHOLE)
    await progress.end()
    return result


async def _worked(ctx: TaskContext, request: ResearchRequest) -> tuple[Work, Progress]:
    work = ctx.aside[WORK] = Work(request, language_for(request.message, request.language))
    stages = Stages(ctx, work)
    await stages.run()
    failed = [each for each in work.readings if each.problem]
    if failed and len(failed) == len(work.readings):
        message = f"none of {len(failed)} sources could be read; the first: {failed[0].problem}"
        raise TaskError("nothing_read", message)
    await stages.progress.tell(0.92, "Checking the citations against the sources", "check")
    return work, stages.progress


async def _result(ctx: TaskContext, work: Work, under: str) -> ResearchResult:
    assembly = await asyncio.to_thread(Assembly, work, await verified(ctx, work, under))
    if (plan := ctx.plans.current) is not None:
        plan.mark("check", "done")
    document = assembly.document
    text, name = markdown(document), _file_name(document.title)
    problems = assembly.problems
    file = await _kept(ctx, text.encode(), f"{name}.md", under, problems)
    pdf, unreadable = None, list[str]()
    if work.request.pdf:
        pdf, unreadable = await _pdf(ctx, document.model_dump_json().encode(), name, under, problems)
    parts = work.parts
    return ResearchResult(
        answer=assembly.answer,
        report=text if len(text) <= MOST_IN_RESULT else None,
        file=file,
        pdf=pdf,
        pdf_unreadable=unreadable,
        plan=work.planned,
        outline=work.outline,
        sources=assembly.sources,
        checks=assembly.checks,
        disagreements=assembly.told_disagreements,
        not_found=assembly.not_found,
        problems=problems,
        steered=work.steered,
        complete=work.ended_by is None and not unreadable and None not in work.drafts.values(),
        conversation_id=work.request.conversation_id or ctx.job_id,
        usage=assembly.usage,
        model=parts[-1].model,
        offline=parts[-1].offline,
        by_rules=any(each.by_rules for each in parts),
    )


async def _kept(ctx: TaskContext, data: bytes, name: str, under: str, problems: list[str]) -> BlobRef | None:
    """Keep a file with the job, once; None, and a problem, where that cannot be done."""
    try:
        return await ctx.step(f"{under}/keep{Path(name).suffix}", ctx.keep_file, data, name, returns=BlobRef)
    except (BlobStoreUnavailable, BlobTooLarge) as error:
        problems.append(f"{name} could not be kept: {error}")
        return None


async def _pdf(
    ctx: TaskContext, document: bytes, name: str, under: str, problems: list[str]
) -> tuple[BlobRef | None, list[str]]:
    """Have the PDF made; return it, and the scripts for which there was no font."""
    written = await _kept(ctx, document, f"{name}.json", under, problems)
    if written is None:
        return None, []
    request = RenderRequest(document=written, name=name)
    end: ChildEnd = await ctx.call(RENDER.kind, request, key=f"{under}/pdf", expires=PDF_WITHIN_S)
    if not end.ok:
        problems.append(f"There is no PDF: {end.error.message if end.error else end.state}")
        return None, []
    made = RenderResult.model_validate(end.value())
    if made.unreadable:
        problems.append(NO_FONTS.format(scripts=", ".join(made.unreadable)))
    # With this job, so that it is there as long as the report.
    return await _kept(ctx, await ctx.read_file(made.pdf), f"{name}.pdf", under, problems), made.unreadable


def _file_name(title: str) -> str:
    return re.sub(r"[^\w.-]+", "-", title).strip("-._")[:80] or "report"
