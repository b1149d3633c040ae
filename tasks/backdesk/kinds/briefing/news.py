"""Headlines of the day, from feeds of RSS or Atom."""

from __future__ import annotations

import json
from dataclasses import replace

from backdesk.agents import Desk
from backdesk.kinds.briefing.contract import Item, Section
from backdesk.kinds.briefing.feeds import MOST_S, read_feed
from backdesk.kinds.briefing.samples import sample_bytes, sampled
from backdesk.kinds.briefing.settings import BriefingSettings
from backdesk.tools.http.caller import Caller
from backdesk.tools.http.fetch import Fetched
from backdesk.tools.http.flights import kept_or_fetched
from backdesk.tools.http.guard import Guard
from backdesk.tools.http.operation import Operation
from backdesk.worker.errors import TaskError

_XML = ("application/rss+xml", "application/atom+xml", "application/xml", "text/xml", "application/rdf+xml")
#: By which servers name their feeds, rightly or not.
TYPES = (*_XML, "text/html", "text/plain")
#: The type under which what was read of a feed is kept.
_READ = "application/vnd.backdesk.feed+json"


async def news(desk: Desk, settings: BriefingSettings, feed: str, headlines: int) -> Section:
    """Return the newest headlines of a feed, of the recorded one when none is named. Raises TaskError."""
    if not feed:
        read = await read_feed(sample_bytes("news.xml"))
        items = tuple(Item(**each) for each in read["items"][:headlines])
        return sampled(Section(topic="news", source="RSS", items=items))
    found = await _fetched(desk, settings, Operation("GET", feed, accept=", ".join(_XML)))
    read = json.loads(found.body)
    items = tuple(Item(**each) for each in read["items"][:headlines])
    source = read["title"] or found.url.split("/")[2]
    return Section(topic="news", source=source, url=feed, fetched_at=found.at, items=items)


async def _fetched(desk: Desk, settings: BriefingSettings, feed: Operation) -> Fetched:
    """Return a feed with what was read of it in place of its body; kept for all tenants if it is the deployment's."""
    ours, base = feed.url in settings.feeds, feed.base
    # Feeds move to other hosts; only one that the deployment has named may be in a private network.
    guard = Guard(
        ("*",),
        ports=frozenset({80, 443, base.port}),
        plain=base.scheme == "http",
        private=settings.private and ours,
        types=TYPES,
    )
    caller = Caller(guard, limited=False)

    async def fetch_and_read() -> Fetched:
        found, _ = await caller.call(desk, feed.asked({}), "")
        if found.status >= 300:
            raise TaskError("source_unreadable", f"{base.host} answered {found.status}")
        read = await read_feed(found.body)
        return replace(found, media_type=_READ, charset="utf-8", body=json.dumps(read).encode())

    if not settings.ttl_s:
        return await fetch_and_read()
    key, patience_s = f"feed {guard.private} {feed.url}", guard.timeout_s + MOST_S
    found, _ = await kept_or_fetched(
        desk, key, fetch_and_read, ttl_s=settings.ttl_s, patience_s=patience_s, public=ours
    )
    return found
