"""What is kept for a follower until it listens: a little, since whatever is lost can be looked up."""

from __future__ import annotations

from collections import deque

from backdesk.worker.store.connection import is_outage

#: Messages kept for one follower. Who falls behind further is told to look up what there is instead.
MOST_KEPT = 64


class Inbox:
    """The messages of one follower, and how its subscription stands. Waits for nothing and locks nothing."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._missed = False
        self._error: Exception | None = None
        #: Whether it is known if the subscription stands.
        self.settled = False

    def hear(self, message: bytes) -> None:
        """Keep a message, or let all go and note that something was missed."""
        if len(self._messages) >= MOST_KEPT:
            self._messages.clear()
            self._missed = True
        if not self._missed:
            self._messages.append(message)

    def stand(self) -> None:
        """Note that the subscription stands from now on; what was published before may have been missed."""
        self._messages.clear()
        self._missed, self._error, self.settled = True, None, True

    def fail(self, error: Exception) -> None:
        """Note why the subscription does not stand."""
        self._error, self.settled = error, True

    def check(self) -> None:
        """Raise what keeps the subscription from standing, if anything does."""
        if self._error is not None:
            raise self._error

    @property
    def ready(self) -> bool:
        """Whether there is anything to say now: an outage is nothing to say, because the hub is about it."""
        return bool(self._messages) or self._missed or (self._error is not None and not is_outage(self._error))

    def take(self) -> bytes | None:
        """Return the next message, None when there is none or some were missed; raises what is no mere outage."""
        if self._error is not None and not is_outage(self._error):
            raise self._error
        return self._messages.popleft() if self._messages else None

    def clear(self) -> None:
        """Forget what was kept: the follower is about to look up all there is."""
        self._messages.clear()
        self._missed = False
