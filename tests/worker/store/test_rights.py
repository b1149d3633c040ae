"""Users of Redis with too few rights: nothing is left half written, and what is missing is named with its remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files

import pytest
import redis

from backdesk.client import JobClient
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.errors import NotPermitted
from backdesk.worker.model.contract import ModelCheck
from backdesk.worker.model.job import JobState
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect
from backdesk.worker.store.rights import Rights, RightsCalls
from backdesk.worker.store.scripts import load_script, run
from tests.support.board import Board
from tests.support.kinds import Text

EVERYTHING = ("+@all", "~*")
NO_CHANNELS = (*EVERYTHING, "resetchannels")

As = Callable[..., Settings]


@pytest.fixture
def as_user(redis_server: EmbeddedRedis, client: redis.Redis, settings: Settings) -> As:
    """Gives the settings of a user with these rights."""

    def make(*rules: str) -> Settings:
        client.execute_command("ACL", "SETUSER", "app", "reset", "on", ">secret", *rules)
        return settings.model_copy(update={"redis_url": redis_server.url.replace("//", "//app:secret@")})

    return make


def rights_of(settings: Settings) -> Rights:
    with connect(settings.url) as connected:
        return run(connected, RightsCalls(settings).missing())


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        ((*EVERYTHING, "&*"), ()),
        (("+@all", "~backdesk:*", "~backdesk.*", "resetchannels", "&backdesk:*"), ()),
        (("+@all", "~backdesk:*", "&*"), ("LRANGE backdesk.agents", "LRANGE backdesk.tools")),
        ((*EVERYTHING, "&*", "-zadd", "-time"), ("ZADD backdesk:rights", "TIME")),
    ],
)
def test_what_a_user_may_not_do_is_told_and_tried_without_a_trace(
    as_user: As, client: redis.Redis, rules: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    assert rights_of(as_user(*rules)).missing == missing
    assert client.keys("*") == []


@pytest.mark.parametrize(
    "rules", [("+@all",), ("+@all", "~backdesk:*", "&*"), NO_CHANNELS, (*EVERYTHING, "&*", "-zadd", "-time")]
)
def test_the_rule_that_is_named_gives_what_is_missing(as_user: As, client: redis.Redis, rules: tuple[str, ...]) -> None:
    settings = as_user(*rules)
    rights = rights_of(settings)
    assert rights.missing
    client.execute_command(*rights.rule.split())
    assert rights_of(settings).missing == ()


def test_every_command_of_a_script_is_among_those_that_are_looked_at() -> None:
    folders = [files(f"backdesk.worker.{room}") / "lua" for room in ("store", "memory")]
    folders += [folder / "shared" for folder in folders]
    scripts = [each for folder in folders for each in folder.iterdir() if each.name.endswith(".lua")]
    used = {name for each in scripts for name in re.findall(r"redis\.p?call\('([A-Z]+)'", each.read_text())}
    looked_at = {"PUBLISH", "PUBSUB", *re.findall(r"[A-Z]{3,}", load_script("rights").text)}
    assert used - looked_at == set(), "add them to COMMANDS in rights.lua"


def test_a_client_whose_user_cannot_write_all_of_a_job_writes_nothing(as_user: As, client: redis.Redis) -> None:
    settings = as_user("+@all", "~backdesk:*", "&*")
    with JobClient(settings=settings, checks={"test.echo": ModelCheck("agents", Text)}) as jobs:
        with pytest.raises(NotPermitted, match=r"the right: ACL SETUSER app ~backdesk:\* ~backdesk\.\*") as caught:
            jobs.submit("test.echo", {}, job_id="a")
        assert caught.value.missing == ("LRANGE backdesk.agents", "LRANGE backdesk.tools")
        assert client.keys("*") == []
        client.execute_command(*caught.value.rule.split())
        assert jobs.submit("test.echo", {}, job_id="a").created


def test_rights_are_looked_at_once_a_client(as_user: As, client: redis.Redis) -> None:
    with JobClient(settings=as_user(*EVERYTHING, "&*"), checks={"test.echo": ModelCheck("agents", Text)}) as jobs:
        jobs.submit("test.echo", {})
        client.config_resetstat()
        jobs.submit("test.echo", {})
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == 1


def test_jobs_of_a_user_without_channels_run_to_their_end(as_user: As) -> None:
    settings = as_user(*NO_CHANNELS)
    assert rights_of(settings).to_write == ()
    assert rights_of(settings).to_watch
    with connect(settings.url) as limited:
        board = Board(limited, settings)
        claim = board.start(board.submit("a"))
        board.emit(claim, "progress")
        assert board.run(board.transitions.renew([("a", claim.fence)])) == [0]
        assert board.succeed(claim)
        assert board.state("a") is JobState.SUCCEEDED
        assert board.event_types("a") == ["queued", "started", "progress", "succeeded"]
