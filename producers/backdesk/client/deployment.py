"""Which Redis a client talks to, where its address is from, and what to do when it cannot be reached."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from redis.exceptions import AuthenticationError

from backdesk.worker.embedded.discovery import find_running
from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.settings import Settings, load_settings
from backdesk.worker.store.connection import UNREACHABLE, explained
from backdesk.worker.store.refusal import refusal

_LOG_IN = "BACKDESK_REDIS_URL names user and password, redis://USER:PASSWORD@HOST"
_PASSWORD_OPTION = re.compile(r"((?:[?&])\w*password)=[^&]*")


@dataclass(frozen=True, slots=True)
class Deployment:
    """The settings with the address of Redis filled in, and where that address is from."""

    settings: Settings
    origin: str
    #: The address of a gateway, where it is reached over HTTP.
    gateway: str | None = None

    @property
    def url(self) -> str:
        """The address of Redis."""
        return self.settings.url

    def trouble(self, error: StoreUnavailable) -> str:
        """Return the sentence that names the address, tells why it cannot be used, and says what to do."""
        reason, place = error.__cause__ or error, f"{shown_url(self.url)} ({self.origin})"
        if isinstance(reason, AuthenticationError):
            return f"Redis at {place} lets nobody in like this: {str(reason).rstrip('.')}; {_LOG_IN}"
        if refusal(reason) or not isinstance(reason, UNREACHABLE):
            return f"Redis at {place} cannot serve this: {explained(reason)}"
        advice = "start `backdesk up`, or set BACKDESK_REDIS_URL"
        return f"no Redis could be reached at {place}: {str(reason).rstrip('.')}; {advice}"


def find_deployment(url: str | None = None, settings: Settings | None = None) -> Deployment:
    """Return the Redis at `url`, else the one of the settings, else the one that `backdesk up` runs in this folder.

    With `http:` or `https:` it is the gateway there. Where there is none of these it is the conventional local address,
    as for workers. Without `settings` those of the process are read; raises ConfigurationError for one that is wrong.
    """
    if url is not None and urlsplit(url).scheme in {"http", "https"}:
        return Deployment(settings or load_settings(), "as given", url)
    if url is not None:
        found = settings.model_copy(update={"redis_url": url}) if settings else load_settings(redis_url=url)
        return Deployment(found, "as given")
    origin = "from BACKDESK_REDIS_URL" if settings is None else "from the settings given"
    settings = settings or load_settings()
    if settings.redis_url:
        return Deployment(settings, origin)
    if running := find_running(settings.data_dir):
        return Deployment(settings.model_copy(update={"redis_url": running}), "of `backdesk up` in this folder")
    return Deployment(settings, "the default; no `backdesk up` runs in this folder")


def shown_url(url: str) -> str:
    """Return a Redis URL as it may be printed: without its passwords."""
    parts = urlsplit(_PASSWORD_OPTION.sub(r"\1=***", url))
    if parts.password is None:
        return urlunsplit(parts)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{host}"))
