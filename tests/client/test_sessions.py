"""People sign in by a code once, and are let in until their session ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import redis

from backdesk.client import AsyncJobClient, InvalidRequest, Scope
from backdesk.worker.settings import Settings
from backdesk.worker.store.keys import Keys
from tests.support.clients import Client


async def test_a_code_opens_a_session_once(jobs: Client) -> None:
    code = await jobs.sessions.invite("ada", scope="operate", tenant="acme")
    opened = await jobs.sessions.redeem(code)
    assert opened is not None
    assert await jobs.sessions.redeem(code) is None
    found = await jobs.sessions.find(opened.secret)
    assert found == opened.session
    assert (found.name, found.scope, found.tenant, found.way) == ("ada", Scope.OPERATE, "acme", "link")
    assert await jobs.sessions.find(opened.session.id) is None


async def test_of_many_who_bring_a_code_one_is_let_in(settings: Settings, client: redis.Redis) -> None:
    async with AsyncJobClient(settings=settings) as jobs:
        code = await jobs.sessions.invite("ada")
        opened = await asyncio.gather(*(jobs.sessions.redeem(code) for _ in range(20)))
        assert len([each for each in opened if each]) == 1


async def test_codes_and_sessions_end_by_themselves(jobs: Client, client: redis.Redis, settings: Settings) -> None:
    await jobs.sessions.invite("ada", valid=timedelta(seconds=60))
    await jobs.sessions.open("bob", scope="read", valid=timedelta(seconds=90))
    keys = Keys(settings.prefix)
    (code,) = client.scan_iter(keys.sign_in("*"))
    (session,) = client.scan_iter(keys.session("*"))
    assert 0 < client.pttl(code) <= 60_000
    assert 0 < client.pttl(session) <= 90_000


async def test_sessions_are_listed_and_ended(jobs: Client) -> None:
    ada = await jobs.sessions.open("ada", scope="read", valid=timedelta(hours=2))
    bob = await jobs.sessions.open("bob", scope="read", valid=timedelta(hours=1))
    assert [each.name for each in await jobs.sessions.list()] == ["ada", "bob"]
    assert await jobs.sessions.end(ada.session.id)
    assert not await jobs.sessions.end(ada.session.id)
    assert await jobs.sessions.find(ada.secret) is None
    assert await jobs.sessions.list() == [bob.session]


async def test_no_secret_of_a_person_is_in_redis(jobs: Client, client: redis.Redis) -> None:
    code = await jobs.sessions.invite("ada")
    opened = await jobs.sessions.open("bob", scope="read")
    for secret in (code, opened.secret):
        held = [name for name in client.scan_iter() if secret.encode() in name + (client.dump(name) or b"")]
        assert held == []


async def test_an_invitation_that_makes_no_sense_is_refused(jobs: Client) -> None:
    for fields in ({"scope": "root"}, {"tenant": "no name!"}, {"valid": timedelta(0)}):
        with pytest.raises(InvalidRequest) as refusal:
            await jobs.sessions.invite("ada", **fields)
        assert set(refusal.value.fields) == set(fields)
