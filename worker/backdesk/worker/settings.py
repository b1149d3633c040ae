"""The engine's settings: read once at an entry point, checked there, frozen, and passed down.

Order of precedence: environment (`BACKDESK_*`), `.env` in the working directory, files in `/run/secrets`, default.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    RedisDsn,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backdesk.worker.address import NO_BLOBS, read_address, read_blob_store, read_database, read_keys
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.model.input_guard import USUAL_PATTERNS, InputGuard, Patterns
from backdesk.worker.model.job import Name
from backdesk.worker.model.version import Mismatch

SECRETS_DIR = Path("/run/secrets")
LOCAL_REDIS = "redis://127.0.0.1:6379/0"
#: Named like a queue, and read as none.
INBOX = "inbox"
#: Of a file that a request names, at most: reading one holds Redis up for 3 ms a MiB.
ATTACHMENT_IN_REDIS = 5 * 1024 * 1024

Names = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """How this process reaches Redis and runs jobs. Durations are in seconds unless the name says `_ms`."""

    model_config = SettingsConfigDict(
        env_prefix="BACKDESK_",
        env_file=".env",
        secrets_dir=SECRETS_DIR if SECRETS_DIR.is_dir() else None,
        extra="ignore",
        env_ignore_empty=True,
        frozen=True,
        hide_input_in_errors=True,
    )

    redis_url: str | None = Field(None, description="Redis to use; when unset, the one that `backdesk up` runs here.")
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = Field(
        "backdesk",
        description="First part of every key and channel; deployments that share a server differ in it.",
    )
    data_dir: Path = Field(Path(".backdesk"), description="Where an embedded Redis and the sample database live.")
    task_modules: Names = Field(
        ("backdesk.kinds.samples",),
        description="Modules whose kinds a worker runs; by default all sample kinds.",
    )
    queues: Names = Field(("agents", "tools"), description="The queues of this deployment.")
    shared_inboxes: Names = Field(
        (),
        description="Lists of other Celery applications (as `celery`) out of which messages for kinds here are taken.",
    )

    lease_s: float = Field(8.0, ge=0.3, le=3600, description="A worker unheard of for this long loses its jobs.")
    cut_off_s: float = Field(
        300.0, ge=1, description="A worker that cannot reach Redis for this long breaks its attempts off."
    )
    tick_s: float = Field(1.0, ge=0.05, le=60, description="Pause between two rounds of the elected maintenance.")
    redispatch_after_s: float = Field(5.0, gt=0, description="Age at which an unclaimed delivery is looked for.")
    stop_grace_s: float = Field(5.0, gt=0, le=300, description="How long a body may take to end when it is stopped.")
    drain_grace_s: float = Field(
        20.0, ge=0, le=3600, description="How long a worker that ends lets its attempts reach a checkpoint."
    )
    max_crashes: int = Field(3, ge=1, description="Workers a job may take down in a row before it is a dead letter.")
    version_mismatch: Mismatch = Field(
        "wait",
        description="What becomes of a job whose kind has another version by now, which may not resume it.",
    )
    ageing_s: float = Field(
        60.0, ge=0.001, le=86_400, description="By how much earlier each step of priority lets a job of a tenant run."
    )
    max_tenant_jobs: int = Field(
        200_000, ge=1, description="Jobs of a tenant that have not ended, at most, unless it has a limit of its own."
    )
    max_tenant_bytes: int = Field(
        256 * 1024 * 1024, ge=1, description="Bytes of the requests of these jobs, at most; as above."
    )
    memory_reserve: float = Field(
        0.1, ge=0, le=0.5, description="Part of Redis' maxmemory that new jobs leave to those that are there."
    )
    require_tenant: bool = Field(False, description="Refuse the jobs of tenants that were not set up.")
    retention_s: int = Field(7 * 86_400, ge=1, description="How long a job that ended without success is kept.")
    succeeded_retention_s: int = Field(86_400, ge=1, description="How long a job that succeeded is kept.")
    archive_url: str | None = Field(
        None, repr=False, description="SQLite file or PostgreSQL to which jobs go that Redis would forget."
    )
    archive_keep_days: int = Field(365, ge=1, description="Days after its end for which the archive has a job.")
    archive_patience_s: int = Field(
        7 * 86_400, ge=0, description="How much longer Redis keeps jobs that the archive does not take."
    )
    conversation_retention_s: int = Field(
        30 * 86_400, ge=1, description="How long what was said in a conversation is kept after its last turn."
    )
    mask_conversations: bool = Field(
        False,
        description="Whether secrets, card and social security numbers are masked in what is kept of conversations.",
    )
    mask_requests: bool = Field(
        False,
        description="Whether secrets, identity numbers and addresses are masked in requests of jobs that are over.",
    )
    max_attachment_bytes: int = Field(
        32 * 1024 * 1024,
        ge=1,
        le=1024**3,
        description="Largest file that a request may name; over 5 MiB it is kept among the blobs.",
    )
    max_tenant_attachment_bytes: int = Field(
        256 * 1024 * 1024, ge=1, description="Bytes of such files that are kept of a tenant at once, at most."
    )
    attachment_retention_s: int = Field(
        86_400, ge=1, description="How long such a file is kept after it was attached, or read by a job, last."
    )
    blobs_url: str | None = Field(
        None,
        repr=False,
        description="Where large requests, results and files are kept: file:///DIRECTORY, s3://BUCKET/PREFIX, or off; "
        "when unset, a folder in the data directory.",
    )
    blobs_key: SecretStr | None = Field(
        None,
        description="Encrypts them: 32 bytes in base64; several keys with commas, of which the first writes.",
    )
    webhook_key: SecretStr | None = Field(
        None,
        description="Secrets of webhooks are derived from it: 32 bytes in base64; several keys with commas, of which "
        "the first is for new secrets. When unset, that of `backdesk up` in the data directory.",
    )
    webhook_private: bool = Field(
        False, description="Whether webhooks may go to private networks, and by http to endpoints."
    )
    gateway_public_url: str | None = Field(
        None, pattern=r"^https?://", description="Where clients reach the gateway: links in webhooks begin with it."
    )
    blob_over_bytes: int | None = Field(
        None,
        ge=1024,
        description="Requests and results larger than this are kept there; when unset, those that Redis does not take.",
    )
    max_blob_bytes: int = Field(
        100 * 1024 * 1024, ge=1024, description="Largest request, result or file that is kept there."
    )
    max_tenant_blob_bytes: int = Field(
        10 * 1024**3, ge=1024, description="Bytes of a tenant that are kept there, at most: then no more requests are."
    )
    blob_orphan_s: int = Field(
        3600, ge=1, description="How long what is kept there may belong to no job: who writes it submits the job next."
    )
    note_retention_s: int = Field(30 * 86_400, ge=1, description="How long what jobs note of a topic is kept.")
    idle_window: int = Field(8, ge=1, description="Deliveries kept in Celery while no worker is alive.")

    max_request_bytes: int = Field(256 * 1024, ge=1, description="Largest request, encoded as JSON.")
    max_result_bytes: int = Field(1024 * 1024, ge=1, description="Largest result, encoded as JSON.")
    max_event_bytes: int = Field(32 * 1024, ge=64, description="Largest data of one event, encoded as JSON.")
    max_events: int = Field(10_000, ge=10, description="Events a job may log; later ones of its body are dropped.")
    max_children: int = Field(5_000, ge=1, description="Jobs that one job may call and wait for at once.")
    max_log_bytes: int = Field(
        8 * 1024 * 1024, ge=1024, description="Bytes of events that bodies may log in a job; later ones are dropped."
    )
    max_ledger_entries: int = Field(10_000, ge=1, description="Steps, answers and ends of children that a job keeps.")
    max_ledger_bytes: int = Field(
        32 * 1024 * 1024, ge=1024, description="Bytes of these that a job keeps; a step beyond fails."
    )
    token_interval_ms: int = Field(50, ge=0, le=5000, description="Streamed text is joined over this span.")

    limit_wait_s: float = Field(
        5.0, gt=0, le=60, description="A call that a limit lets begin within this waits for it; others park their job."
    )
    outage_wait_s: float = Field(
        90.0,
        ge=0,
        le=86_400,
        description="How long a job waits for a service whose breaker is open before its fallback answers; a kind may "
        "say otherwise, and without a fallback it waits for as long as it takes.",
    )
    breaker_failures: int = Field(5, ge=1, description="Failures of a service that open its circuit breaker.")
    breaker_window_s: float = Field(30.0, gt=0, le=3600, description="Failures older than this no longer count.")
    breaker_probe_s: float = Field(
        2.0, ge=0.1, le=3600, description="Pause between two probes of a service that fails."
    )
    breaker_probe_timeout_s: float = Field(
        60.0, gt=0, le=3600, description="A probe that takes longer than this no longer keeps another from probing."
    )

    input_guard: Literal["refuse", "mark", "off"] = Field(
        "refuse", description="What happens to a request with suspicious text in a field that is guarded."
    )
    input_patterns: Annotated[Patterns | None, NoDecode] = Field(
        None,
        description="What is suspicious, instead of the usual: regular expressions as JSON, or a JSON file of them.",
    )

    durable_wait_s: float = Field(
        5.0,
        ge=0,
        le=60,
        description="Longest wait until the announcement of an unsafe step is on disk, and at a replica; 0 for none.",
    )
    socket_timeout_s: float = Field(4.0, gt=0, description="Longest wait for an answer of Redis.")
    outage_patience_s: float = Field(
        60.0, ge=0, description="How long who follows a job waits for a Redis that went away to come back."
    )
    health_file: Path | None = Field(None, description="The worker reports its health here, as JSON.")
    health_port: int | None = Field(None, ge=1, le=65_535, description="The worker answers GET /health on this port.")
    health_host: str = Field("127.0.0.1", description="Address of the health port.")
    otel: bool = Field(
        False, description="Tell of jobs by OpenTelemetry; where to, `OTEL_EXPORTER_OTLP_ENDPOINT` and its like say."
    )
    otel_content: bool = Field(
        False, description="Whether the spans of agents have what is said to models and by them, unmasked."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: console on a terminal, else json."
    )

    @field_validator("task_modules", "shared_inboxes", "queues", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("input_patterns", mode="before")
    @classmethod
    def _named_patterns(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = _json(value)
        return {each: each for each in value} if isinstance(value, list) else value

    @field_validator("queues")
    @classmethod
    def _queue_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("at least one queue is needed")
        if INBOX in value:
            raise ValueError(f"{INBOX!r} is the list of plain Celery clients; name the queue otherwise")
        return tuple(TypeAdapter(Name).validate_python(queue) for queue in value)

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: str | None) -> str | None:
        if value is not None:
            if value.startswith(("redis://", "rediss://")):
                TypeAdapter(RedisDsn).validate_python(value)
            read_address(value)
        return value

    @field_validator("archive_url")
    @classmethod
    def _is_database(cls, value: str | None) -> str | None:
        return value and read_database(value, "archive")

    @field_validator("blobs_url")
    @classmethod
    def _is_blob_store(cls, value: str | None) -> str | None:
        return value and read_blob_store(value)

    @field_validator("blobs_key", "webhook_key")
    @classmethod
    def _are_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_keys(value.get_secret_value())
        return value

    @field_validator("shared_inboxes")
    @classmethod
    def _inboxes_apart(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        consumed = {celery_queue(info.data.get("prefix", ""), queue) for queue in info.data.get("queues", ())}
        if clash := consumed & set(value):
            raise ValueError(f"{min(clash)!r} is a queue that workers consume; choose another inbox")
        return value

    @cached_property
    def guard(self) -> InputGuard:
        """What is done about suspicious text in requests."""
        usual = self.input_patterns is None
        return InputGuard(mode=self.input_guard, patterns=USUAL_PATTERNS if usual else self.input_patterns)

    @property
    def inline_request_bytes(self) -> int:
        """Up to this a request is kept in Redis, and beyond among the blobs."""
        return self._inline(self.max_request_bytes)

    @property
    def inline_result_bytes(self) -> int:
        """The same of results."""
        return self._inline(self.max_result_bytes)

    @property
    def largest_request_bytes(self) -> int:
        """The largest request that is taken at all."""
        return self._largest(self.max_request_bytes)

    @property
    def largest_result_bytes(self) -> int:
        """The same of results."""
        return self._largest(self.max_result_bytes)

    @property
    def inline_attachment_bytes(self) -> int:
        """The same of files that requests name."""
        return min(self.max_attachment_bytes, self._inline(ATTACHMENT_IN_REDIS))

    @property
    def largest_attachment_bytes(self) -> int:
        """The same of such files."""
        return min(self.max_attachment_bytes, self._largest(ATTACHMENT_IN_REDIS))

    def _inline(self, most: int) -> int:
        return most if self.blobs_url == NO_BLOBS else min(most, self.blob_over_bytes or most)

    def _largest(self, most: int) -> int:
        return most if self.blobs_url == NO_BLOBS else max(most, self.max_blob_bytes)

    @property
    def inbox(self) -> str:
        """The Redis list in which plain Celery clients leave their messages for this deployment, and no other."""
        return celery_queue(self.prefix, INBOX)

    @property
    def url(self) -> str:
        """The Redis to use: the configured one, else the conventional local address."""
        return self.redis_url or LOCAL_REDIS


def _json(text: str) -> Any:
    """Read JSON, or the file of which this is the path. Raises ValueError."""
    try:
        return json.loads(text if text.lstrip().startswith(("[", "{")) else Path(text).read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"neither JSON nor a file that can be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}") from None


def celery_queue(prefix: str, queue: str) -> str:
    """Return the name of a queue in Celery, and of its list in Redis."""
    return f"{prefix}.{queue}"


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; raises ConfigurationError with one sentence for each value that is wrong."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [f"BACKDESK_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise ConfigurationError("; ".join(lines)) from None
