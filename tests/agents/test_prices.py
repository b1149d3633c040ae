"""What models cost: by the deployment's table, by what is published, or not known at all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, Provider

from backdesk.agents import published
from backdesk.agents.metering import RequestUsage
from backdesk.agents.prices import Price, Prices, load_prices
from backdesk.agents.provider import make_model
from backdesk.agents.situation import Reply, Say, Situation
from backdesk.platform.settings import load_settings
from backdesk.worker.errors import ConfigurationError

MILLION_EACH = RequestUsage(1_000_000, 1_000_000)


def decide(_now: Situation) -> Reply:
    return Say("Yes.")


def test_a_published_model_of_openai_has_its_price() -> None:
    cost = Prices({}, None).cost_usd("gpt-4o-mini", MILLION_EACH)
    assert cost == pytest.approx(0.75)


def test_what_the_provider_had_seen_before_costs_less() -> None:
    prices = Prices({}, None)
    fresh = prices.cost_usd("gpt-4o-mini", RequestUsage(1_000_000, 0))
    seen = prices.cost_usd("gpt-4o-mini", RequestUsage(1_000_000, 0, 1_000_000))
    assert fresh is not None
    assert seen is not None
    assert 0 < seen < fresh


@pytest.mark.parametrize(
    ("model", "base_url"),
    [
        ("our-own-model", None),
        ("our-own-model", "http://localhost:11434/v1"),
        # The name of a published model at an address where others decide what it costs.
        ("gpt-4o-mini", "http://localhost:11434/v1"),
    ],
)
def test_a_price_that_nobody_has_published_is_unknown(model: str, base_url: str | None) -> None:
    assert Prices({}, base_url).cost_usd(model, MILLION_EACH) is None


def test_prices_that_were_put_away_are_read_when_a_provider_s_are_asked_for() -> None:
    def in_memory() -> set[str]:
        return {each.id for each in get_snapshot().providers if len(each.models)}

    published.put_away()
    assert in_memory() == {"openai"}
    assert Prices({}, None).cost_usd("gpt-4o-mini", MILLION_EACH) == pytest.approx(0.75)
    assert Prices({}, "http://localhost:11434/v1").cost_usd("gpt-4o-mini", MILLION_EACH) is None
    assert in_memory() == {"openai"}
    assert Prices({}, "https://api.deepseek.com").cost_usd("deepseek-chat", MILLION_EACH) is not None
    assert in_memory() == {"openai", "deepseek"}
    assert "genai_prices.data" not in sys.modules


def test_a_price_is_looked_for_in_vain_once(monkeypatch: pytest.MonkeyPatch) -> None:
    published.put_away()
    looked_for: list[str] = []
    find = Provider.find_model

    def noted(provider: Provider, model_ref: str, **others: Any) -> ModelInfo | None:
        looked_for.append(model_ref)
        return find(provider, model_ref, **others)

    monkeypatch.setattr(Provider, "find_model", noted)
    prices = Prices({}, None)
    assert [prices.cost_usd("nobody-s-model", MILLION_EACH) for _ in range(3)] == [None] * 3
    assert looked_for == ["nobody-s-model"]


def test_the_table_of_the_deployment_goes_before_what_is_published() -> None:
    prices = Prices({"gpt-4o-mini": Price(input=1, output=2), "free": Price(input=0, output=0)}, None)
    assert prices.cost_usd("gpt-4o-mini", MILLION_EACH) == 3
    assert prices.cost_usd("free", MILLION_EACH) == 0
    assert prices.cost_usd("gpt-4o", MILLION_EACH) not in {None, 3}


def test_the_offline_model_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_CHEAPER_MODEL", "rules")
    model = make_model(load_settings(), decide)
    assert model.price(MILLION_EACH) == 0
    assert model.cheaper is not None
    assert (model.cheaper.name, model.cheaper.price(MILLION_EACH)) == ("offline/rules", 0)


async def test_a_configured_model_has_the_price_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "prices.json"
    table.write_text('{"llama": {"input": 0.5, "output": 1.5}}')
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("BACKDESK_MODEL", "responses:llama")
    monkeypatch.setenv("BACKDESK_PRICES", str(table))
    model = make_model(load_settings(), decide)
    assert model.price(MILLION_EACH) == 2
    await model.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Invalid JSON"),
        ("[]", "should be an object"),
        ('{"llama": 0.5}', "llama"),
        ('{"llama": {"input": 1}}', "llama.output"),
        ('{"llama": {"input": -1, "output": 1}}', "llama.input"),
        ('{"llama": {"input": NaN, "output": 1}}', "BACKDESK_PRICES"),
        ('{"llama": {"input": 1, "output": 1, "cached": 1}}', "llama.cached"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    table = tmp_path / "prices.json"
    table.write_text(text)
    with pytest.raises(ConfigurationError, match="BACKDESK_PRICES") as refused:
        load_prices(table)
    assert reason in str(refused.value)


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_prices(tmp_path / "none.json")
