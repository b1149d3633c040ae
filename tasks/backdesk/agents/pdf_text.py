"""The text of a PDF that came with a message, for models that read none.

A PDF is a program of sorts: a small one can be made to take all the time and memory there is. So each is read in a
process of its own, which has so much of either, knows no secret, and is ended when it takes more; once in a worker,
whoever asks for it and however it ended.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec

from backdesk.agents.attached import MOST_TEXT
from backdesk.platform.apart import ApartFailed, keep_within, run_apart
from backdesk.platform.pdf import Pdf, PdfUnreadable, read_pdf

#: Of a file so many pages are read at most, in so much time: CPU, and of the clock. Seconds.
MOST_PAGES, MOST_CPU_S, MOST_S = 200, 10, 30.0
#: What the process that reads it may have of memory. Bytes.
MOST_MEMORY = 512 * 1024 * 1024
#: Of how many files a worker keeps the text, and how many it reads at once.
MOST_KNOWN, AT_ONCE = 32, 2

_log = logging.getLogger(__name__)
_readers = ThreadPoolExecutor(AT_ONCE, "backdesk-pdf")
_known: OrderedDict[str, Future[str]] = OrderedDict()
_lock = threading.Lock()


async def pdf_text(file_id: str, data: bytes) -> str:
    """Return the text of a PDF, by its pages, cut off where it is too long for a model.

    Empty for one that has none, as scans have, that cannot be read within the bounds, or where the library is missing.
    """
    with _lock:
        found = _known.pop(file_id, None) or _readers.submit(_read, file_id, data)
        _known[file_id] = found  # as the newest
        while len(_known) > MOST_KNOWN:
            _known.popitem(last=False)
    # Others may wait for it, too: who waits no longer ends only the waiting.
    return await asyncio.shield(asyncio.wrap_future(found))


def _read(file_id: str, data: bytes) -> str:
    if find_spec("pypdf") is None:
        return _unread(file_id, 'pip install "backdesk[knowledge]"')
    try:
        read = run_apart(__name__, data, most_cpu_s=MOST_CPU_S, most_memory=MOST_MEMORY, most_s=MOST_S)
    except ApartFailed as error:
        return _unread(file_id, str(error))
    return read.decode("utf-8", "replace")


def _unread(file_id: str, reason: str) -> str:
    _log.warning("pdf_not_read", extra={"attachment": file_id, "reason": reason})
    return ""


def main(most_cpu_s: int, most_memory: int) -> int:
    """Read a PDF from standard input, and write its text."""
    keep_within(most_cpu_s, most_memory)
    try:
        pdf = read_pdf(sys.stdin.buffer.read(), most_pages=MOST_PAGES, most_chars=MOST_TEXT)
    except PdfUnreadable as error:
        print(error, file=sys.stderr)
        return 1
    if any(pdf.pages):
        sys.stdout.buffer.write(_told(pdf).encode("utf-8", "replace"))
    return 0


def _told(pdf: Pdf) -> str:
    text = "\n\n".join(f"[page {number} of {pdf.count}]\n{page}" for number, page in enumerate(pdf.pages, 1))
    whole = len(pdf.pages) == pdf.count and len(text) <= MOST_TEXT
    return text if whole else f"{text[:MOST_TEXT]}\n[... the rest of {pdf.count} pages is left out]"


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
