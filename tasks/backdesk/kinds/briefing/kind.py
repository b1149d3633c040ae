"""The kind `briefing.daily`: what the sources say, each fetched beside the others, and summed up.

A source that fails takes its own part away and no other's. What was fetched is kept: an attempt that goes on fetches
what is missing. Where no model is configured, or none answers, rules write the briefing from the same parts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from backdesk.agents import Agent, AgentRequest, AgentResult, Desk, Team, agent_task, converse, desk_for
from backdesk.agents.failures import ModelFailure
from backdesk.agents.provider import current_model
from backdesk.agents.quoting import quoted
from backdesk.kinds.briefing.contract import BriefingRequest, BriefingResult, Section, Topic
from backdesk.kinds.briefing.rules import by_rules, with_sources
from backdesk.kinds.briefing.settings import BriefingSettings
from backdesk.platform.deployment import deployment
from backdesk.platform.tool_settings import settings_of
from backdesk.tools.http.address import RequestRefused
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.errors import ConfigurationError, FenceLost, Limited, StoreUnavailable, TaskError
from backdesk.worker.failure import Failure
from backdesk.worker.model.budget import SpendingRefused

log = logging.getLogger(__name__)

MISSING = 'briefings need libraries: pip install "backdesk[tools]"'
#: Asks one source.
Fetch = Callable[[Desk], Awaitable[Section]]
#: The part of the progress that fetching is; the rest is the writing.
FETCHING_SHARE = 0.7
#: What the writer is given of the sources at most. Characters.
MOST_TOLD = 9_000
#: What the body leaves for the fallback.
_PARTS = "briefing"


WRITER = Agent(
    "writer", Path(__file__).with_name("prompts") / "writer.md", duty="Writing the briefing", asks=False, temperature=0
)
BRIEFING = Team("briefing", (WRITER,))


async def rules_instead(ctx: TaskContext, request: BriefingRequest, _failure: Failure) -> BriefingResult:
    """Write the briefing by rules where the model does not, from what was fetched."""
    day, sections = ctx.aside.get(_PARTS) or await _gathered(ctx, request)
    text = by_rules(day, sections)
    return _result(request, day, sections, text, written_by="rules", degraded=True)


@agent_task("briefing.daily", agents=BRIEFING, fallback=rules_instead, chat=None)
async def brief(ctx: TaskContext, request: BriefingRequest) -> BriefingResult:
    """Tell a customer about their day: the weather, the news and the markets, with where each comes from."""
    day, sections = ctx.aside[_PARTS] = await _gathered(ctx, request)
    if not _has_model():
        text = by_rules(day, sections)
        return _result(request, day, sections, text, written_by="rules")
    told = "\n\n".join(each.model_dump_json(exclude_none=True) for each in sections)[:MOST_TOLD]
    message = f"Write the briefing for {day:%A, %d %B %Y} from this:\n{quoted(told, 'sources')}"
    asked = AgentRequest(message=message, customer_id=request.customer_id)
    answer: AgentResult = (await converse(ctx, BRIEFING, asked, done=FETCHING_SHARE)).result(AgentResult)
    return _result(request, day, sections, answer.answer, written_by="model")


def _has_model() -> bool:
    try:
        current_model(deployment().settings, None)
    except ModelFailure as error:
        if error.code != "no_model":
            raise
        return False
    return True


def _result(
    request: BriefingRequest, day: date, sections: tuple[Section, ...], text: str, **facts: Any
) -> BriefingResult:
    return BriefingResult(
        customer_id=request.customer_id,
        date=day,
        time_zone=request.time_zone,
        text=with_sources(text, sections, request.time_zone),
        sections=sections,
        sample=any(each.sample for each in sections),
        **facts,
    )


async def _gathered(ctx: TaskContext, request: BriefingRequest) -> tuple[date, tuple[Section, ...]]:
    """Return the day, and what each source says: once in the life of the job, all of them at the same time."""
    if find_spec("feedparser") is None:
        raise ConfigurationError(MISSING)
    begun = await ctx.step("begun", _now, effect="pure")
    desk, wanted = desk_for(ctx, AgentRequest(message=request.place, customer_id=request.customer_id)), _wanted(request)
    there = [key for key, *_ in wanted if ctx.finished(_step(key))]

    async def fetched(key: str, topic: Topic, url: str, fetch: Fetch) -> Section:
        section = await ctx.step(_step(key), partial(_told, topic, url, fetch, desk), effect="pure", returns=Section)
        if key in there:  # a former attempt has told it
            return section
        there.append(key)
        known = "is not to be had" if section.error else "is there"
        ctx.progress(FETCHING_SHARE * len(there) / len(wanted), f"{key} {known}", there=len(there), total=len(wanted))
        return section

    if not there:
        ctx.progress(0, f"{len(wanted)} sources are asked", there=0, total=len(wanted))
    sections = await asyncio.gather(*(fetched(*each) for each in wanted))
    return begun.astimezone(ZoneInfo(request.time_zone)).date(), tuple(sections)


def _step(key: str) -> str:
    return f"source:{key}"


def _now() -> datetime:
    return datetime.now(UTC)


def _wanted(request: BriefingRequest) -> list[tuple[str, Topic, str, Fetch]]:
    """Return what is to be asked: a key, its topic, its address unless it is a sample, and what asks."""
    # Loaded by the first briefing: a worker that starts needs no client of HTTP.
    from backdesk.kinds.briefing.markets import markets  # noqa: PLC0415
    from backdesk.kinds.briefing.news import news  # noqa: PLC0415
    from backdesk.kinds.briefing.weather import weather  # noqa: PLC0415

    settings = settings_of(BriefingSettings)
    feeds = request.feeds or settings.feeds or ("",)
    forecast = partial(weather, settings=settings, place=request.place, time_zone=request.time_zone)
    prices = partial(markets, settings=settings, symbols=request.symbols)
    by_topic: dict[Topic, list[tuple[str, Fetch]]] = {
        "weather": [(settings.weather, forecast)],
        "news": [(feed, partial(news, settings=settings, feed=feed, headlines=request.headlines)) for feed in feeds],
        "markets": [(settings.quotes, prices)],
    }
    return [
        (topic if len(by_topic[topic]) == 1 else f"{topic}-{nth}", topic, *asked)
        for topic in dict.fromkeys(request.topics)
        for nth, asked in enumerate(by_topic[topic], 1)
    ]


async def _told(topic: Topic, url: str, fetch: Fetch, desk: Desk) -> Section:
    """Return what a source says, or why it does not. Raises what ends the attempt as a whole."""
    try:
        return await fetch(desk)
    except (FenceLost, StoreUnavailable, SpendingRefused):
        raise
    except TaskError as error:
        why = error.message
    except RequestRefused as error:
        why = str(error)
    except Limited:
        why = "it asks for a pause"
    except ConfigurationError as error:
        log.warning("briefing_source_not_set_up", extra={"topic": topic, "reason": str(error)})
        why = "it is not set up"
    except Exception:
        log.exception("briefing_source_failed", extra={"topic": topic})
        why = "it failed for a technical reason"
    return Section(topic=topic, source=urlsplit(url).hostname or topic, url=url, error=why)
