"""The settings of a bench: what its test says, and the defaults for the rest."""

from __future__ import annotations

import uuid
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from backdesk.worker.errors import ConfigurationError
from backdesk.worker.model.contract import field_errors
from backdesk.worker.settings import Settings


class GivenAlone(BaseSettings):
    """Settings that come from the test alone: nothing of the machine on which it runs changes what it finds."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class BenchSettings(GivenAlone, Settings):
    """Those of the engine."""

    model_config = SettingsConfigDict(extra="forbid")


def bench_settings(url: str, given: dict[str, Any]) -> Settings:
    """Return settings for one bench, under a prefix of its own; raises ConfigurationError, a reason for each field."""
    # Nobody takes deliveries off Celery's lists here, and no worker is announced: all jobs must count as delivered.
    usual = {"prefix": f"bench-{uuid.uuid4().hex[:12]}", "idle_window": 10_000}
    try:
        return BenchSettings(**{**usual, **given, "redis_url": url})
    except ValidationError as error:
        reasons = "; ".join(f"{name}: {why}" for name, why in field_errors(error).items())
        raise ConfigurationError(f"the bench has settings that do not fit: {reasons}") from None
