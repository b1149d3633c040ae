"""The settings of the gateway. Read once, at its start."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backdesk.worker.errors import ConfigurationError
from backdesk.worker.settings import SECRETS_DIR

Names = Annotated[tuple[str, ...], NoDecode]
PREFIX = "BACKDESK_GATEWAY_"


class GatewaySettings(BaseSettings):
    """How the gateway answers. Durations are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        secrets_dir=SECRETS_DIR if SECRETS_DIR.is_dir() else None,
        extra="ignore",
        env_ignore_empty=True,
        frozen=True,
        hide_input_in_errors=True,
    )

    host: str = Field("127.0.0.1", description="Address that it answers on.")
    port: int = Field(8000, ge=1, le=65_535, description="Port that it answers on.")
    public_url: str | None = Field(
        None, pattern=r"^https?://", description="Where clients reach it, for links; when unset, as they asked for it."
    )
    cors: Names = Field((), description="Origins whose pages may call it, such as https://desk.example.com.")
    hosts: Names = Field((), description="Names by which it may be asked for, besides those of this machine.")
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="Largest body of a request.")
    max_wait_s: float = Field(600.0, ge=0, le=3600, description="How long a request may wait for the end of a job.")
    mcp_wait_s: float = Field(
        45.0,
        ge=0,
        le=3600,
        validation_alias="BACKDESK_MCP_WAIT_S",
        description="How long a call of a tool of MCP waits for its job; many clients give up after 60.",
    )
    heartbeat_s: float = Field(15.0, ge=1, le=300, description="A stream that is silent says so this often.")
    send_timeout_s: float = Field(
        30.0, ge=1, le=600, description="A client that takes nothing of a stream for this long is cut off."
    )
    metrics_tenants: int = Field(
        0, ge=0, le=100, description="Of how many of the busiest tenants `/metrics` has figures, by their names."
    )

    @field_validator("cors", "hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value


def load_gateway_settings(**overrides: Any) -> GatewaySettings:
    """Read the settings; raises ConfigurationError with one sentence for each value that is wrong."""
    try:
        return GatewaySettings(**overrides)
    except ValidationError as error:
        lines = [f"{_variable('_'.join(map(str, e['loc'])).upper())}: {e['msg']}" for e in error.errors()]
        raise ConfigurationError("; ".join(lines)) from None


def _variable(field: str) -> str:
    return field if field.startswith("BACKDESK_") else PREFIX + field
