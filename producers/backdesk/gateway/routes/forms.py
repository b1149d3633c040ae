"""Forms as browsers send them."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from backdesk.worker.errors import InvalidRequest, PayloadTooLarge

MOST_BYTES, MOST_FIELDS = 64 * 1024, 20


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form. Raises InvalidRequest for anything else, PayloadTooLarge."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise InvalidRequest("Content-Type", "must be that of a form")
    raw = await request.body()
    if len(raw) > MOST_BYTES:
        raise PayloadTooLarge("form", len(raw), MOST_BYTES)
    try:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise InvalidRequest("form", "cannot be read") from None
