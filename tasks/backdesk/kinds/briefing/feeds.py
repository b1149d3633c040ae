"""Headlines of a feed. A feed is a stranger's work, so each is read in a process of its own."""

from __future__ import annotations

import json
import re
import sys
from html import unescape
from typing import Any

from backdesk.platform.apart import ApartFailed, keep_within, run_apart_off_the_loop
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

#: What one feed may take: CPU and time of the clock in seconds, memory in bytes.
MOST_CPU_S, MOST_S, MOST_MEMORY = 10, 20.0, 512 * 1024 * 1024
#: Of a feed so many headlines are read, and so much of each. Characters.
MOST_HEADLINES, MOST_TITLE, MOST_DETAIL = 20, 200, 300
_BLOCK = re.compile(r"</?(?:p|br|div|li|ul|ol|h[1-6]|t[rdh]|table)\b[^<>]{0,500}>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,500}>")


async def read_feed(body: bytes) -> dict[str, Any]:
    """Return the `title` of a feed, and its `items`, the first first, each with `title`, `detail` and `url`.

    Raises TaskError for what is no feed or made to take too much.
    """
    bounds = {"most_cpu_s": MOST_CPU_S, "most_memory": MOST_MEMORY, "most_s": MOST_S}
    try:
        read: dict[str, Any] = json.loads(await run_apart_off_the_loop(__name__, body, **bounds))
    except (ApartFailed, ValueError):
        raise TaskError("source_unreadable", "the feed cannot be read", category=Category.DATA_CORRUPTION) from None
    if not read["items"]:
        raise TaskError("source_unreadable", "there is no headline in it", category=Category.DATA_CORRUPTION)
    return read


def main(most_cpu_s: int, most_memory: int) -> int:
    """Read a feed from standard input, and write what it says as JSON."""
    # Loaded before it is bounded: what a library maps is not what a feed takes.
    import feedparser  # type: ignore[import-untyped]  # noqa: PLC0415 - in this process alone, and without types

    keep_within(most_cpu_s, most_memory)
    feed = feedparser.parse(sys.stdin.buffer.read())
    items = [_item(entry) for entry in feed.entries[:MOST_HEADLINES] if _plain(entry.get("title"), 1)]
    sys.stdout.write(json.dumps({"title": _plain(feed.feed.get("title"), MOST_TITLE), "items": items}))
    return 0


def _item(entry: Any) -> dict[str, str]:
    url = str(entry.get("link") or "")
    detail = _plain(entry.get("summary"), MOST_DETAIL)
    kept = url[:2_000] if url.startswith(("https://", "http://")) else ""
    return {"title": _plain(entry.get("title"), MOST_TITLE), "detail": detail, "url": kept}


def _plain(value: Any, most: int) -> str:
    return " ".join(unescape(_TAG.sub("", _BLOCK.sub(" ", str(value or "")))).split())[:most]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
