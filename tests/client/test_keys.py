"""API keys: only hashes of their secrets are kept, and who has lost one is let in no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from backdesk.client import InvalidRequest, KeyNotFound, Scope
from backdesk.worker.settings import Settings
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.moments import milliseconds
from tests.support.clients import Client

DAY = timedelta(days=1)


async def test_a_key_is_found_by_its_secret_and_by_no_other(jobs: Client) -> None:
    made = await jobs.keys.add("billing", scope="operate", tenant="acme", expires_in=DAY)
    found = await jobs.keys.find(made.secret)
    assert found is not None
    assert (found.id, found.name, found.scope, found.tenant) == (made.key.id, "billing", Scope.OPERATE, "acme")
    assert found.expires_at is not None
    assert made.secret.startswith(f"bdk_{made.key.id}_")
    other = await jobs.keys.add("other")
    for wrong in (
        "",
        "bdk_",
        made.secret[:-1],
        made.secret + "x",
        made.secret.upper(),
        f"bdk_{made.key.id}_{'A' * 43}",
    ):
        assert await jobs.keys.find(wrong) is None
    crossed = f"bdk_{made.key.id}_{other.secret.split('_', 2)[2]}"
    assert await jobs.keys.find(crossed) is None


async def test_no_secret_is_in_redis(jobs: Client, client: redis.Redis) -> None:
    made = await jobs.keys.add("billing")
    rotated = await jobs.keys.rotate(made.key.id)
    for secret in (made.secret, rotated.secret):
        bare = secret.split("_", 2)[2].encode()
        assert not [name for name in client.scan_iter() if bare in name or bare in (client.dump(name) or b"")]


async def test_a_revoked_key_is_found_no_more_and_stays_on_the_list(jobs: Client) -> None:
    made = await jobs.keys.add("billing")
    assert await jobs.keys.revoke(made.key.id)
    assert not await jobs.keys.revoke(made.key.id)
    assert await jobs.keys.find(made.secret) is None
    (listed,) = await jobs.keys.list()
    assert listed.revoked_at is not None
    assert await jobs.keys.any()
    with pytest.raises(InvalidRequest, match="revoked"):
        await jobs.keys.rotate(made.key.id)


async def test_an_expired_key_is_found_no_more(jobs: Client, client: redis.Redis, settings: Settings) -> None:
    made = await jobs.keys.add("billing", expires_in=DAY)
    past = milliseconds(datetime.now(UTC) - timedelta(seconds=1))
    client.hset(Keys(settings.prefix).api_key(made.key.id), "expires", past)
    assert await jobs.keys.find(made.secret) is None


async def test_after_a_rotation_both_secrets_are_good_until_the_overlap_ends(
    jobs: Client, client: redis.Redis, settings: Settings
) -> None:
    made = await jobs.keys.add("billing")
    rotated = await jobs.keys.rotate(made.key.id)
    assert rotated.key.overlap_until is not None
    assert rotated.key.overlap_until - datetime.now(UTC) > timedelta(hours=23)
    assert await jobs.keys.find(made.secret) is not None
    assert await jobs.keys.find(rotated.secret) is not None
    client.hset(Keys(settings.prefix).api_key(made.key.id), "old_until", milliseconds(datetime.now(UTC)) - 1)
    assert await jobs.keys.find(made.secret) is None
    assert await jobs.keys.find(rotated.secret) is not None


async def test_without_an_overlap_the_secret_before_ends_at_once(jobs: Client) -> None:
    made = await jobs.keys.add("billing")
    rotated = await jobs.keys.rotate(made.key.id, overlap=timedelta(0))
    assert await jobs.keys.find(made.secret) is None
    assert await jobs.keys.find(rotated.secret) is not None


async def test_that_a_key_was_used_is_noted_once_a_minute(
    jobs: Client, client: redis.Redis, settings: Settings
) -> None:
    made = await jobs.keys.add("billing")
    assert made.key.last_used_at is None
    await jobs.keys.find(made.secret)
    noted = (await jobs.keys.get(made.key.id)).last_used_at
    await jobs.keys.find(made.secret)
    assert noted is not None
    assert (await jobs.keys.get(made.key.id)).last_used_at == noted
    before = noted - timedelta(minutes=2)
    client.hset(Keys(settings.prefix).api_key(made.key.id), "used", milliseconds(before))
    await jobs.keys.find(made.secret)
    later = (await jobs.keys.get(made.key.id)).last_used_at
    assert later is not None
    assert later > before


async def test_keys_are_listed_in_pages_the_newest_first_and_by_tenant(jobs: Client) -> None:
    made = [(await jobs.keys.add(f"k{n}", tenant="acme" if n % 2 else None)).key.id for n in range(5)]
    first = await jobs.keys.list(limit=3)
    assert first.cursor is not None
    rest = await jobs.keys.list(limit=3, cursor=first.cursor)
    assert [each.id for each in (*first, *rest)] == made[::-1]
    assert rest.cursor is None
    assert [each.id for each in await jobs.keys.list(tenant="acme")] == [made[3], made[1]]


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"name": ""}, "name"),
        ({"name": "two\r\nlines"}, "name"),
        ({"name": "k", "scope": "root"}, "scope"),
        ({"name": "k", "tenant": "no name!"}, "tenant"),
        ({"name": "k", "expires_in": -DAY}, "expires_in"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused_with_the_field(
    jobs: Client, fields: dict[str, Any], refused: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await jobs.keys.add(**fields)
    assert refused in refusal.value.fields
    assert not await jobs.keys.any()


async def test_a_key_that_is_not_there_is_not_found(jobs: Client) -> None:
    for call in (jobs.keys.get, jobs.keys.rotate, jobs.keys.revoke):
        with pytest.raises(KeyNotFound):
            await call("0123456789ab")


def test_each_scope_includes_those_before_it() -> None:
    assert [each for each in Scope if Scope.OPERATE.includes(each)] == [Scope.READ, Scope.SUBMIT, Scope.OPERATE]
