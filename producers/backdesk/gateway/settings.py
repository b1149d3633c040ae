"""The settings of the gateway. Read once, at its start."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backdesk.worker.errors import ConfigurationError
from backdesk.worker.model.access import Scope
from backdesk.worker.settings import SECRETS_DIR

Names = Annotated[tuple[str, ...], NoDecode]
#: Of secrets of links, in characters.
SHORTEST_SECRET = 32
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
    proxies: Names = Field(
        (), description="Addresses and networks of proxies, such as 10.0.0.0/8, whose X-Forwarded-For is believed."
    )
    require_key: bool = Field(
        False, description="Whether requests from this machine need a key while there is none, too."
    )
    without_keys: bool = Field(
        False, description="Whether to start where others reach it while there is no key; all are refused then."
    )
    secret: Names = Field(
        (),
        repr=False,
        description="Signs links: 32 characters or more; of several the first signs, and all are believed. "
        "When unset, one is made in the data directory.",
    )
    max_failures: int = Field(
        20, ge=1, description="How often one address may fail to sign in within a minute; then it waits."
    )
    session_s: int = Field(43_200, ge=300, le=2_592_000, description="How long a person stays signed in.")
    audit_entries: int = Field(
        100_000, ge=1000, description="Entries that are kept of each part of the audit log, about."
    )
    header_timeout_s: float = Field(10.0, ge=1, le=300, description="How long a client may take for its headers.")
    body_timeout_s: float = Field(
        30.0, ge=1, le=3600, description="How long a client may take for its body; each 16 KiB of it are a second more."
    )
    oidc_issuer: str | None = Field(
        None, pattern=r"^https?://", description="Identity provider by which people sign in (OpenID Connect)."
    )
    oidc_client_id: str = Field("", description="What this deployment is called there.")
    oidc_client_secret: str = Field("", repr=False, description="Its password there, unless it has none.")
    oidc_scopes: str = Field("openid profile email", description="What is asked for there.")
    oidc_audience: str | None = Field(
        None, description="For whom access tokens of the provider must be made to be taken here; none are when unset."
    )
    oidc_role_claim: str = Field("roles", description="Claim with the roles of a person, such as realm_access.roles.")
    oidc_roles: Names = Field(
        (), description="Which role has which scope, such as desk-admins=admin,desk=operate; others are refused."
    )
    oidc_tenant_claim: str | None = Field(
        None, description="Claim with the tenant of a person, whom it confines to that; without one all see all."
    )
    heartbeat_s: float = Field(15.0, ge=1, le=300, description="A stream that is silent says so this often.")
    send_timeout_s: float = Field(
        30.0, ge=1, le=600, description="A client that takes nothing of a stream for this long is cut off."
    )
    metrics_tenants: int = Field(
        0, ge=0, le=100, description="Of how many of the busiest tenants `/metrics` has figures, by their names."
    )

    @field_validator("cors", "hosts", "proxies", "secret", "oidc_roles", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            ip_network(each, strict=False)
        return value

    @field_validator("secret")
    @classmethod
    def _is_long(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(len(each) < SHORTEST_SECRET for each in value):
            raise ValueError(f"must have {SHORTEST_SECRET} characters or more, as of `openssl rand -base64 32`")
        return value

    @field_validator("oidc_roles")
    @classmethod
    def _have_scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if each.rpartition("=")[2] not in tuple(Scope) or not each.rpartition("=")[0]:
                raise ValueError(f"{each!r} must be ROLE=SCOPE, with one of {', '.join(Scope)}")
        return value

    @property
    def scopes_of_roles(self) -> dict[str, Scope]:
        """What each role of an identity provider may do."""
        return {role: Scope(scope) for role, _, scope in (each.rpartition("=") for each in self.oidc_roles)}


def load_gateway_settings(**overrides: Any) -> GatewaySettings:
    """Read the settings; raises ConfigurationError with one sentence for each value that is wrong."""
    try:
        return GatewaySettings(**overrides)
    except ValidationError as error:
        lines = [f"{_variable('_'.join(map(str, e['loc'])).upper())}: {e['msg']}" for e in error.errors()]
        raise ConfigurationError("; ".join(lines)) from None


def _variable(field: str) -> str:
    return field if field.startswith("BACKDESK_") else PREFIX + field
