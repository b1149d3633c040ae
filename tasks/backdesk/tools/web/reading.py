"""What a page says, as Markdown, without what stands around it.

A page is a stranger's work: a small one can be made to take all the time and memory there is. Each is read in a process
of its own, which knows no secret.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from importlib.util import find_spec

from backdesk.platform.apart import ApartFailed, keep_within, run_apart_off_the_loop
from backdesk.tools.http.address import RequestRefused
from backdesk.tools.http.charsets import decoded
from backdesk.worker.errors import ConfigurationError

MISSING = 'pages of the web need a library: pip install "backdesk[tools]"'
#: What one page may take: CPU and time of the clock in seconds, memory in bytes; and of its text so much is kept.
MOST_CPU_S, MOST_S, MOST_MEMORY, MOST_CHARS = 10, 20.0, 512 * 1024 * 1024, 300_000
_HTML = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True)
class PageText:
    """A page: `text` is Markdown, `date` when it says that it was published, as an ISO date."""

    title: str = ""
    date: str = ""
    text: str = ""


async def read_text(body: bytes, media_type: str, charset: str) -> PageText:
    """Return what a page says; a text that is no HTML as it is.

    Raises RequestRefused for one that cannot be read within the bounds, and ConfigurationError without the library.
    """
    if media_type not in _HTML:
        return PageText(text=decoded(body, charset)[:MOST_CHARS])
    if find_spec("trafilatura") is None:
        raise ConfigurationError(MISSING)
    bounds = {"most_cpu_s": MOST_CPU_S, "most_memory": MOST_MEMORY, "most_s": MOST_S}
    try:
        return PageText(**json.loads(await run_apart_off_the_loop(__name__, body, charset, **bounds)))
    except (ApartFailed, ValueError, TypeError):
        raise RequestRefused("the page cannot be read: it is broken, or made to take too much") from None


def main(most_cpu_s: int, most_memory: int, charset: str) -> int:
    """Read a page from standard input, and write what it says as JSON."""
    # Loaded before it is bounded: what a library maps is not what a page takes.
    import trafilatura  # noqa: PLC0415 - in this process alone

    keep_within(most_cpu_s, most_memory)
    html = decoded(sys.stdin.buffer.read(), charset)
    text = trafilatura.extract(html, output_format="markdown", include_links=True, include_comments=False) or ""
    facts = trafilatura.extract_metadata(html)
    page = PageText((facts.title or "")[:500], facts.date or "", text[:MOST_CHARS]) if facts else PageText(text=text)
    sys.stdout.write(json.dumps(asdict(page)))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
