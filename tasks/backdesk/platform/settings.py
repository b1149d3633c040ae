"""The knobs of this deployment's tasks. With `tool_settings` the only module that reads the environment."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    DirectoryPath,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backdesk.platform.business_hours import BusinessHours
from backdesk.worker.address import read_database
from backdesk.worker.errors import ConfigurationError

#: Where container platforms mount secrets, one file a value, named like the variable.
SECRETS = Path("/run/secrets")
RESPONSES_PREFIX = "responses:"
DEFAULT_HOURS = BusinessHours.read("Mon-Fri 09:00-18:00 Europe/Berlin")


#: Names with wildcards, between blanks or commas.
Patterns = Annotated[tuple[str, ...], NoDecode]
#: The models of OpenAI that see, and those that others serve under names by which that is known.
SEE_PDF = ("gpt-4o*", "gpt-4.1*", "gpt-4.5*", "gpt-5*", "o1", "o1-2*", "o3", "o3-2*", "o3-pro*", "o4-*", "chatgpt-4o*")
SEE_IMAGES = (*SEE_PDF, "gpt-4-turbo*", "*vision*", "*llava*", "*-vl*", "*vl:*", "pixtral*", "claude-*", "gemini-*")


class Outside(BaseSettings):
    """Values from outside: the environment, then `.env`, then files among the secrets."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_file=".env", env_ignore_empty=True, hide_input_in_errors=True
    )


class TaskSettings(Outside):
    """Read once, at the first job of a process."""

    #: A model's name; with `responses:` before it, it is asked through the Responses API instead of Chat
    #: Completions.
    model: str = Field("gpt-4o-mini", validation_alias="BACKDESK_MODEL")
    #: Asked in place of the model while that is known to fail; at the same address, with the same key.
    fallback_model: str | None = Field(None, validation_alias="BACKDESK_FALLBACK_MODEL")
    #: Asked once a budget is spent that says `cheaper`; at the same address, with the same key.
    cheaper_model: str | None = Field(None, validation_alias="BACKDESK_CHEAPER_MODEL")
    #: Asked how good a draft is, where it is set; and what a customer's message says to a proposal, where the cheaper
    #: model, else the model, is asked without it.
    judge_model: str | None = Field(None, validation_alias="BACKDESK_JUDGE_MODEL")
    #: A JSON file of prices that go before the published ones, for models that have none.
    prices: Path | None = Field(None, validation_alias="BACKDESK_PRICES")
    api_key: SecretStr | None = Field(None, validation_alias="OPENAI_API_KEY")
    #: Any server that speaks the OpenAI API; a local one usually needs no key.
    base_url: str | None = Field(None, validation_alias="OPENAI_BASE_URL")
    #: Has the knowledge base searched by vectors too. At an address of its own, it gets a key of its own or none.
    embeddings_model: str | None = Field(None, validation_alias="BACKDESK_EMBEDDINGS_MODEL")
    embeddings_base_url: str | None = Field(None, validation_alias="BACKDESK_EMBEDDINGS_BASE_URL")
    embeddings_api_key: SecretStr | None = Field(None, validation_alias="BACKDESK_EMBEDDINGS_API_KEY")
    #: From which cosine on a passage is like a question; models differ in that.
    embeddings_least: float = Field(0.3, ge=-1, le=1, validation_alias="BACKDESK_EMBEDDINGS_LEAST")
    #: How long one request to the model may be silent, and how long it may take as a whole.
    model_silence_s: float = Field(60, gt=0, le=3600, validation_alias="BACKDESK_MODEL_SILENCE_S")
    model_request_s: float = Field(180, gt=0, le=7200, validation_alias="BACKDESK_MODEL_REQUEST_S")
    tool_timeout_s: float = Field(30, gt=0, le=3600, validation_alias="BACKDESK_TOOL_TIMEOUT_S")
    #: What one job may ask of the model before it fails as `usage_limit`.
    max_model_requests: int = Field(20, ge=1, le=1000, validation_alias="BACKDESK_MAX_MODEL_REQUESTS")
    #: The longest answer of the model that a budget pays for: what is set aside for it, and asked of it, at most.
    max_answer_tokens: int = Field(4096, ge=256, le=1_000_000, validation_alias="BACKDESK_MAX_ANSWER_TOKENS")
    max_tool_calls: int = Field(30, ge=1, le=1000, validation_alias="BACKDESK_MAX_TOOL_CALLS")
    max_handoffs: int = Field(3, ge=1, le=20, validation_alias="BACKDESK_MAX_HANDOFFS")
    #: Refunds of more than this wait for a person's approval, and count as denied when it does not come in time.
    refund_limit_cents: int = Field(10_000, ge=0, validation_alias="BACKDESK_REFUND_APPROVAL_OVER_CENTS")
    #: Orders of more than this wait in the same way.
    purchase_limit_cents: int = Field(50_000, ge=0, validation_alias="BACKDESK_PURCHASE_APPROVAL_OVER_CENTS")
    approval_within_s: float = Field(172_800, gt=0, le=2_592_000, validation_alias="BACKDESK_APPROVAL_WITHIN_S")
    #: How long a customer can say yes to what was proposed to them.
    proposal_s: float = Field(86_400, gt=0, le=2_592_000, validation_alias="BACKDESK_PROPOSAL_S")
    #: When people are there to answer: in these hours they keep what is promised, and take calls.
    business_hours: Annotated[BusinessHours, NoDecode] = Field(
        DEFAULT_HOURS, validation_alias="BACKDESK_BUSINESS_HOURS"
    )
    #: Who signs customers in: `module:object`, called with the settings and the database.
    identity_provider: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] = Field(
        "backdesk.kinds.account.mailed_codes:MailedCodes", validation_alias="BACKDESK_IDENTITY_PROVIDER"
    )
    #: Channels by which people, and what brings answers to customers, are told: addresses between blanks, by
    #: `docs/desk.md`. They may hold secrets, as those of Slack do.
    notify_staff: SecretStr = Field(SecretStr("outbox"), validation_alias="BACKDESK_NOTIFY_STAFF")
    notify_customers: SecretStr = Field(SecretStr("outbox"), validation_alias="BACKDESK_NOTIFY_CUSTOMERS")
    #: Whether customers are written to as well, at the address that the shop has of them.
    mail_customers: bool = Field(False, validation_alias="BACKDESK_MAIL_CUSTOMERS")
    #: Whether customers are asked how content they are when their case is closed.
    ask_rating: bool = Field(True, validation_alias="BACKDESK_ASK_RATING")
    #: Signs webhooks: `whsec_` and base64.
    webhook_secret: SecretStr | None = Field(None, validation_alias="BACKDESK_WEBHOOK_SECRET")
    #: Whether webhooks may go to addresses of private networks.
    webhook_private: bool = Field(False, validation_alias="BACKDESK_WEBHOOK_PRIVATE")
    smtp_url: SecretStr | None = Field(None, validation_alias="BACKDESK_SMTP_URL")
    mail_from: str = Field("", validation_alias="BACKDESK_MAIL_FROM")
    #: From which hosts files of messages are fetched, as `*.example.com`; by default from all that are public.
    attachment_hosts: Patterns = Field((), validation_alias="BACKDESK_ATTACHMENT_HOSTS")
    #: Whether such hosts may be within private networks.
    attachment_private: bool = Field(False, validation_alias="BACKDESK_ATTACHMENT_PRIVATE")
    #: Names of models that can look at images, and of those that can read PDF; others are told that they cannot.
    sees_images: Patterns = Field(SEE_IMAGES, validation_alias="BACKDESK_SEES_IMAGES")
    sees_pdf: Patterns = Field(SEE_PDF, validation_alias="BACKDESK_SEES_PDF")
    #: A folder with more languages, or other words of those there are: `fr.toml`, by `docs/quality.md`.
    languages: DirectoryPath | None = Field(None, validation_alias="BACKDESK_LANGUAGES")
    #: The pace at which the offline model streams, so that people can watch it.
    offline_token_delay_ms: float = Field(15, ge=0, le=5000, validation_alias="BACKDESK_OFFLINE_TOKEN_DELAY_MS")
    data_dir: Path = Field(Path(".backdesk"), validation_alias="BACKDESK_DATA_DIR")
    #: Whether the sample shop is put into an empty database. Only there the offline model may do what moves money,
    #: orders, appointments or settings.
    samples: bool = Field(False, validation_alias="BACKDESK_SAMPLES")
    #: Empty means the SQLite file in the data folder. May hold a password, so it is kept out of the repr.
    database_url: str = Field("", repr=False, validation_alias="BACKDESK_DATABASE_URL")

    @field_validator("model", "fallback_model", "cheaper_model", "judge_model", "embeddings_model")
    @classmethod
    def _names_a_model(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.strip()
        if not value.removeprefix(RESPONSES_PREFIX):
            raise ValueError("name a model, such as gpt-4o-mini")
        return value

    @field_validator("attachment_hosts", "sees_images", "sees_pdf", mode="before")
    @classmethod
    def _are_patterns(cls, value: Any) -> Any:
        return tuple(value.replace(",", " ").lower().split()) if isinstance(value, str) else value

    @field_validator("business_hours", mode="before")
    @classmethod
    def _are_hours(cls, value: Any) -> Any:
        return BusinessHours.read(value) if isinstance(value, str) else value

    @field_validator("base_url", "embeddings_base_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://, such as http://localhost:11434/v1")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_supported(cls, value: str) -> str:
        return read_database(value, "shop") if value else value

    @model_validator(mode="after")
    def _silence_fits_into_request(self) -> Self:
        if self.model_silence_s > self.model_request_s:
            raise ValueError("BACKDESK_MODEL_SILENCE_S must not exceed BACKDESK_MODEL_REQUEST_S")
        return self

    @model_validator(mode="after")
    def _mail_has_a_way_out(self) -> Self:
        if self.mail_customers and not (self.smtp_url and self.mail_from):
            raise ValueError("BACKDESK_MAIL_CUSTOMERS needs BACKDESK_SMTP_URL and BACKDESK_MAIL_FROM")
        return self

    @model_validator(mode="after")
    def _embeddings_are_somewhere(self) -> Self:
        if self.embeddings_model and self.offline and not self.embeddings_base_url:
            raise ValueError(
                "BACKDESK_EMBEDDINGS_MODEL needs a server: set OPENAI_API_KEY, OPENAI_BASE_URL or "
                "BACKDESK_EMBEDDINGS_BASE_URL"
            )
        return self

    @model_validator(mode="after")
    def _fallback_is_another(self) -> Self:
        if self.fallback_model == self.model:
            raise ValueError("BACKDESK_FALLBACK_MODEL must be another model than BACKDESK_MODEL")
        return self

    @property
    def offline(self) -> bool:
        """Whether no model is configured, so that the rule-based stand-in answers."""
        return self.api_key is None and self.base_url is None

    @property
    def address_of_embeddings(self) -> str | None:
        """Where the model of embeddings is; None for OpenAI."""
        return self.embeddings_base_url or self.base_url

    @property
    def key_of_embeddings(self) -> str:
        """The key for that address: the one of the model is for the model's alone."""
        at_another = self.embeddings_base_url not in (None, self.base_url)
        key = self.embeddings_api_key or (None if at_another else self.api_key)
        return key.get_secret_value() if key else ""

    @property
    def database(self) -> str:
        """The URL of the business database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'shop.sqlite3'}"


def read_secret(name: str) -> str:
    """Return the value of a variable, of its line in `.env`, or of the file of that name among the secrets.

    Raises ConfigurationError where there is none.
    """
    if value := os.environ.get(name):
        return value
    found: Any = _named(name)(_secrets_dir=SECRETS if SECRETS.is_dir() else None)
    if not (value := found.value.get_secret_value() if found.value else ""):
        raise ConfigurationError(f"{name} is not set: set the variable, or mount {SECRETS / name}")
    return str(value)


@cache
def _named(name: str) -> type[BaseSettings]:
    """Return settings of one value, which is looked for as those of all others are."""
    return create_model(name, __base__=Outside, value=(SecretStr | None, Field(None, validation_alias=name)))


def load_settings() -> TaskSettings:
    """Read the settings. Raises ConfigurationError: a sentence for each wrong value, never the value."""
    try:
        return TaskSettings(_secrets_dir=SECRETS if SECRETS.is_dir() else None)
    except ValidationError as error:
        raise ConfigurationError(sentences(error)) from None


def sentences(error: ValidationError) -> str:
    """Return what is wrong with settings, without their values."""
    wrong = (f"{'.'.join(map(str, e['loc']))}: {_sentence(e['msg'])}".lstrip(": ") for e in error.errors())
    return "; ".join(wrong)


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ")
