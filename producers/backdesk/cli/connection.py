"""Which Redis a command talks to, and what it says when that one cannot be reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.client.job_client import JobClient
from backdesk.worker.embedded.discovery import find_running
from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.settings import Settings, load_settings
from backdesk.worker.store.connection import UNREACHABLE, explained, refusal


@dataclass(frozen=True, slots=True)
class Deployment:
    """The settings with the address of Redis filled in, and where that address is from."""

    settings: Settings
    origin: str

    @property
    def url(self) -> str:
        return self.settings.url

    def unreachable(self, error: StoreUnavailable) -> CommandFailed:
        """Return the failure that names the address and says what to do."""
        reason, place = error.__cause__ or error, f"{shown_url(self.url)} ({self.origin})"
        if refusal(reason) or not isinstance(reason, UNREACHABLE):
            sentence = f"Redis at {place} cannot serve this: {explained(reason)}"
            return CommandFailed("no_connection", sentence, ExitCode.NO_CONNECTION)
        advice = "start `backdesk up`, or set BACKDESK_REDIS_URL"
        sentence = f"no Redis could be reached at {place}: {str(reason).rstrip('.')}; {advice}"
        return CommandFailed("no_connection", sentence, ExitCode.NO_CONNECTION)


def find_deployment() -> Deployment:
    """Return the configured Redis, else the one that `backdesk up` runs in this folder, else the local default."""
    settings = load_settings()
    if settings.redis_url:
        return Deployment(settings, "from BACKDESK_REDIS_URL")
    if url := find_running(settings.data_dir):
        return Deployment(settings.model_copy(update={"redis_url": url}), "of `backdesk up` in this folder")
    return Deployment(settings, "the default; no `backdesk up` runs in this folder")


@contextmanager
def connected(deployment: Deployment | None = None) -> Iterator[JobClient]:
    """Yield a client of the deployment; whatever cannot reach Redis inside fails with a sentence that helps."""
    deployment = deployment or find_deployment()
    try:
        with JobClient(settings=deployment.settings) as client:
            yield client
    except StoreUnavailable as error:
        raise deployment.unreachable(error) from None


def shown_url(url: str) -> str:
    """Return a Redis URL as it may be printed: without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{host}"))
