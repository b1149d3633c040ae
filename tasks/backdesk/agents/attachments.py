"""Taking the files that come with a message: each is there, of a type that is taken, and from where it may be.

What is at an address is fetched once and kept as though it had been attached, so that every attempt, and every later
message of the conversation, has the same bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from posixpath import basename
from urllib.parse import unquote, urlsplit

from backdesk.agents.attached import Attached
from backdesk.platform.contract import Attachment
from backdesk.platform.download import DownloadRefused, Sources, download
from backdesk.platform.settings import TaskSettings
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.errors import InvalidRequest, TaskError
from backdesk.worker.failure import Category
from backdesk.worker.model.attachment import media_type_of

#: How the steps are called by which files are taken.
STEP = "attachment"


async def taken(ctx: TaskContext, attachments: Sequence[Attachment], settings: TaskSettings) -> tuple[Attached, ...]:
    """Return the files of a message, each taken once in the life of the job.

    Raises TaskError: `attachment_unknown`, `attachment_refused`, which are for the caller to mend, and
    `attachment_unreachable`, which passes.
    """
    steps = [
        await ctx.step(f"{STEP}:{at}", partial(_take, ctx, at, each, settings), effect=Effect.PURE, returns=Attached)
        for at, each in enumerate(attachments)
    ]
    return tuple(steps)


async def _take(ctx: TaskContext, at: int, attachment: Attachment, settings: TaskSettings) -> Attached:
    where = f"attachments.{at}"
    if attachment.url is not None:
        name = attachment.name or _name_in(attachment.url)
        data = await _fetched(where, attachment.url, ctx.max_attachment_bytes, settings)
        try:
            file_id = await ctx.attach(data, name)
        except InvalidRequest as error:
            raise _refused(where, error.reason) from None
    else:
        name, file_id = attachment.name or "", attachment.id or ""
        data = await ctx.attached(file_id) or b""
    if (media_type := media_type_of(data, name)) is None:
        message = f"{where}: {ctx.tenant!r} has no file {file_id} (any more): attach it anew"
        raise TaskError("attachment_unknown", message, category=Category.VALIDATION)
    return Attached(id=file_id, name=name or media_type.partition("/")[2], media_type=media_type, size=len(data))


async def _fetched(where: str, url: str, most_bytes: int, settings: TaskSettings) -> bytes:
    sources = Sources(settings.attachment_hosts, settings.attachment_private)
    try:
        return await asyncio.to_thread(download, url, most_bytes, sources)
    except DownloadRefused as error:
        raise _refused(where, f"the file {error}") from None
    except OSError as error:
        message = f"{where}: {urlsplit(url).hostname} could not be reached: {error}"
        raise TaskError("attachment_unreachable", message, category=Category.NETWORK, transient=True) from None


def _refused(where: str, reason: str) -> TaskError:
    return TaskError("attachment_refused", f"{where}: {reason}", category=Category.VALIDATION)


def _name_in(url: str) -> str:
    name = unquote(basename(urlsplit(url).path))
    return "".join(each for each in name if each.isprintable())[:200]
