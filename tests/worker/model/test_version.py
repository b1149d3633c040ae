"""The version of a kind that gives none: a hash of its contract, the same wherever it is worked out."""

from __future__ import annotations

import os
import subprocess
import sys
from enum import StrEnum

import pytest
from pydantic import BaseModel, Field

from backdesk.worker.model.version import Stranding, contract_version
from tests.support.workers import ROOT

#: Of `Order` below; a value that was written down, so that no change of Python or of a library goes unnoticed.
OF_ORDER = "contract-a1a6a870"


class Speed(StrEnum):
    SLOW = "slow"
    FAST = "fast"


class Order(BaseModel):
    """What is ordered."""

    title: str = Field(description="What it is called.", examples=["a chair"])
    speed: Speed = Speed.SLOW
    tags: set[str] = {"a", "b", "c", "d", "e"}
    count: int | None = None


class Reordered(BaseModel):
    """Said in other words."""

    count: int | None = None
    tags: set[str] = {"e", "d", "c", "b", "a"}
    speed: Speed = Speed.SLOW
    title: str


class Longer(Order):
    colour: str = "red"


class Required(BaseModel):
    title: str
    speed: Speed = Speed.SLOW
    tags: set[str] = {"a", "b", "c", "d", "e"}
    count: int | None


def version(model: type[BaseModel]) -> str:
    return contract_version(model.model_json_schema(), model.model_json_schema(mode="serialization"))


def test_words_for_people_and_the_order_of_fields_make_no_other_version() -> None:
    renamed = type("Order", (Reordered,), {})
    assert version(Order) == version(renamed) == OF_ORDER


@pytest.mark.parametrize("model", [Longer, Required])
def test_another_field_or_one_that_is_needed_makes_another_version(model: type[BaseModel]) -> None:
    assert version(model) != OF_ORDER


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_version_is_the_same_in_every_process(seed: str) -> None:
    script = "from tests.worker.model.test_version import *; print(version(Order))"
    env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == OF_ORDER


@pytest.mark.parametrize(
    ("name", "fitting"),
    [
        ("a.kind", {"a.kind"}),
        ("a.kind:2", {"a.kind:2", "a.kind:*", "a.kind:^"}),
        ("a.kind:2!", {"a.kind:2", "a.kind:*"}),
    ],
)
def test_what_a_job_needs_says_which_workers_can_run_it(name: str, fitting: set[str]) -> None:
    assert Stranding.read(name).fitting == fitting
