"""`backdesk rewind`: a job goes on from a step of its own, with other results if need be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.eventually import PATIENCE_S
from tests.support.workers import Fleet


@pytest.fixture
def trip(fleet: Fleet, tmp_path: Path) -> str:
    """A job that has done three steps and failed."""
    job = fleet.jobs.submit("test.journey", {"n": 0, "flag": str(tmp_path / "done")})
    with pytest.raises(Exception, match="cannot be made"):
        job.result(PATIENCE_S)
    return job.id


def test_a_job_is_rewound_with_another_request_and_result(
    on_fleet: Cli, fleet: Fleet, trip: str, tmp_path: Path
) -> None:
    request = f'{{"n": 1, "flag": "{tmp_path / "done"}"}}'
    words = ("rewind", trip, "--to", "mail", "--request", request, "--value", 'plan="by train"')
    told = on_fleet(*words, "--json").document
    assert (told["origin"], told["created"]) == (trip, True)
    assert fleet.jobs.result(told["job_id"], timeout=PATIENCE_S) == {
        "value": ["by train", "charge", "mail of by train"]
    }
    assert "was rewound before" in on_fleet(*words).out


def test_what_must_not_be_done_twice_is_named_and_done_when_that_is_meant(on_fleet: Cli, trip: str) -> None:
    refused = on_fleet("rewind", trip, "--to", "plan")
    assert refused.code == 2
    assert "step:charge (unsafe)" in refused.err
    assert on_fleet("rewind", trip, "--to", "plan", "--repeat").code == 0


@pytest.mark.parametrize("value", ["plan", "=1", "plan=", "plan={"])
def test_a_value_that_is_none_is_bad_usage(on_fleet: Cli, trip: str, value: str) -> None:
    assert on_fleet("rewind", trip, "--to", "mail", "--value", value).code == 2
