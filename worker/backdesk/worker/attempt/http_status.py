"""HTTP statuses as failures. Whichever client raises an error, it carries the answer's status, or the answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from backdesk.worker.failure import Category, Failure

#: Of the others, 4xx is the request's fault and 5xx the server's.
_CATEGORIES = {
    401: Category.AUTHENTICATION,
    403: Category.AUTHORIZATION,
    408: Category.TIMEOUT,
    429: Category.RATE_LIMIT,
    504: Category.TIMEOUT,
}
_TRANSIENT = {Category.TIMEOUT, Category.RATE_LIMIT, Category.NETWORK}


def of_http(error: BaseException) -> Failure | None:
    """Describe an error that carries a status from 400 to 599; None for any other error."""
    status = next(_statuses(error), None)
    if status is None:
        return None
    category = _CATEGORIES.get(status, Category.VALIDATION if status < 500 else Category.NETWORK)
    wait = _retry_after(error, datetime.now(UTC))
    return Failure.of(error, category, transient=category in _TRANSIENT, code=f"http_{status}", retry_after_s=wait)


def _carriers(error: BaseException) -> tuple[object, object]:
    return error, getattr(error, "response", None)


def _statuses(error: BaseException) -> Iterator[int]:
    for carrier in _carriers(error):
        for name in ("status_code", "status"):
            value = getattr(carrier, name, None)
            if isinstance(value, int) and 400 <= value <= 599:
                yield int(value)


def _retry_after(error: BaseException, now: datetime) -> float | None:
    for carrier in _carriers(error):
        headers = dict(getattr(carrier, "headers", None) or {})
        for name, value in headers.items():
            if str(name).lower() == "retry-after":
                return seconds_until(value, now)
    return None


def seconds_until(retry_after: str, now: datetime) -> float | None:
    """Read the header Retry-After, a number of seconds or a date; 0 for the past, None for neither."""
    try:
        return max(0.0, float(retry_after))
    except (ValueError, TypeError):
        pass
    try:
        moment = parsedate_to_datetime(retry_after)
    except (ValueError, TypeError, OverflowError):
        return None
    # "-0000" says UTC without a zone.
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
