"""A supervisor keeps parts alive, gives up on those that cannot be, and stops all of them in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from backdesk.cli.errors import CommandFailed
from backdesk.cli.run import supervisor as module
from backdesk.cli.run.stop_signals import StopRequest
from backdesk.cli.run.supervisor import Part, Supervisor, pause_before


class FakePart:
    """Runs until told otherwise; dies at its start `deaths` times."""

    ending = "ended with exit code 7"
    patience_s = 5.0

    def __init__(self, name: str, story: list[str], deaths: int = 0) -> None:
        self.name = name
        self.log = Path(f"{name}.log")
        self.running = False
        self._story = story
        self._deaths = deaths

    def start(self) -> None:
        self._story.append(f"start {self.name}")
        self._deaths -= 1
        self.running = self._deaths < 0

    def tail(self) -> str:
        return "its last words"

    def ask_to_stop(self) -> None:
        self._story.append(f"stop {self.name}")
        self.running = False

    def kill(self) -> None:
        self.running = False


class Asked(StopRequest):
    """Is asked to stop after a number of looks."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def __bool__(self) -> bool:
        self.looks -= 1
        return self.looks < 0


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(module, "POLL_S", 0.0)
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.0)
    return []


def supervisor_of(story: list[str], looks: int = 1000) -> Supervisor:
    def report(part: Part, sentence: str, tail: str) -> None:
        story.append(f"{sentence} | {tail}")

    return Supervisor(Asked(looks), report)


def test_a_part_that_dies_is_reported_with_its_log_and_started_again(story: list[str]) -> None:
    supervisor = supervisor_of(story)
    part = FakePart("tools", story, deaths=2)
    supervisor.add(part, 0)
    supervisor.run()

    assert story == [
        "start tools",
        "tools ended with exit code 7; it starts again in 0 s | its last words",
        "start tools",
        "tools ended with exit code 7; it starts again in 0 s | its last words",
        "start tools",
    ]


def test_a_part_that_dies_again_and_again_is_given_up(story: list[str]) -> None:
    supervisor = supervisor_of(story)
    supervisor.add(FakePart("tools", story, deaths=99), 0)

    with pytest.raises(CommandFailed, match="6 times in a row") as failure:
        supervisor.run()

    assert failure.value.log == "its last words"


def test_a_part_that_dies_at_the_start_is_a_failure(story: list[str]) -> None:
    supervisor = supervisor_of(story)
    supervisor.add(FakePart("redis", story), 0)
    supervisor.add(FakePart("agents", story, deaths=1), 1, lambda: False)

    with pytest.raises(CommandFailed, match="agents ended with exit code 7 at its start"):
        supervisor.wait_until_ready(5)


def test_a_part_that_is_not_ready_in_time_is_a_failure(story: list[str]) -> None:
    supervisor = supervisor_of(story, looks=1_000_000_000)
    supervisor.add(FakePart("flower", story), 0, lambda: False)

    with pytest.raises(CommandFailed, match="flower was not ready within"):
        supervisor.wait_until_ready(0.01)


def test_waiting_ends_when_all_are_ready_or_we_are_asked_to_stop(story: list[str]) -> None:
    for looks, ready in ((1000, True), (3, False)):
        supervisor = supervisor_of(story, looks)
        supervisor.add(FakePart("agents", story), 0, lambda ready=ready: ready)  # type: ignore[misc]  # mypy cannot infer a default
        supervisor.wait_until_ready(60)


def test_parts_are_stopped_from_the_highest_tier_down(story: list[str]) -> None:
    supervisor = supervisor_of(story)
    for name, tier in (("redis", 0), ("agents", 2), ("flower", 1), ("tools", 2)):
        supervisor.add(FakePart(name, story), tier)
    supervisor.stop()

    assert story[-4:] == ["stop agents", "stop tools", "stop flower", "stop redis"]


def test_the_pause_before_a_restart_doubles_up_to_a_limit() -> None:
    assert [pause_before(n) for n in (1, 2, 3, 4, 5, 6, 7)] == [1, 2, 4, 8, 16, 30, 30]
