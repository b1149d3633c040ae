"""Errors of ours in the words of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from a2a.utils.errors import (
    A2AError,
    InternalError,
    InvalidParamsError,
    InvalidRequestError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from backdesk.gateway.errors import Forbidden
from backdesk.worker.errors import (
    BackdeskError,
    InvalidRequest,
    JobNotFound,
    NotCancellable,
    NotWaiting,
    StoreUnavailable,
)

#: The first class that fits decides.
_ERRORS: tuple[tuple[type[BackdeskError], type[A2AError]], ...] = (
    (JobNotFound, TaskNotFoundError),
    (NotCancellable, TaskNotCancelableError),
    (NotWaiting, UnsupportedOperationError),
    (InvalidRequest, InvalidParamsError),
    (Forbidden, InvalidRequestError),
    (StoreUnavailable, InternalError),
    (BackdeskError, InvalidParamsError),
)


@contextmanager
def told() -> Iterator[None]:
    """Tell what goes wrong within as an A2AError. Of a task that is not there, no more than that."""
    try:
        yield
    except BackdeskError as error:
        kind = next(theirs for ours, theirs in _ERRORS if isinstance(error, ours))
        raise (kind() if kind is TaskNotFoundError else kind(message=str(error))) from None
