"""With a setting, what is kept of conversations has no secrets in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backdesk.testing import Bench
from backdesk.worker import TaskContext, task
from tests.support.kinds import Text

CARD = "4111111111111111"
SAID = [{"said": f"Mine is {CARD}, order 10003"}, {"args": json.dumps({"card": int(CARD), "order": 10003})}]
KEPT = [{"said": "Mine is [masked-card], order 10003"}, {"args": '{"card":"[masked-card]","order":10003}'}]


@task("masked.say")
async def say_card(ctx: TaskContext, request: Text) -> Text:
    await ctx.remember("talk", SAID, facts={"order": 10003})
    return request


@task("masked.hear")
async def hear(ctx: TaskContext, request: Text) -> Text:
    past = await ctx.recall("talk")
    return Text(text=json.dumps([past.turns[-1].messages, past.facts]))


@pytest.mark.parametrize(("masks", "kept"), [(True, KEPT), (False, SAID)])
def test_card_numbers_are_masked_in_what_is_kept_of_a_conversation(masks: bool, kept: list[Any]) -> None:
    with Bench(mask_conversations=masks) as bench:
        said = bench.run("masked.say", {"text": f"Mine is {CARD}"})
        assert json.loads(bench.run("masked.hear", {"text": ""}).result.text) == [kept, {"order": 10003}]
        assert CARD in str(said.record.request)
