"""Signing in by a code: what the provider that ships promises, and what the tools make of it."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.kinds.account.identity import Denial, Identity, identity_provider
from backdesk.kinds.account.kind import ACCOUNT
from backdesk.kinds.account.mailed_codes import MOST_WRONG, OUTBOX, MailedCodes
from backdesk.kinds.account.sign_in import AccountContext, sign_in, sign_in_of
from backdesk.kinds.account.tables import SignIn, SignInCode
from backdesk.kinds.account.tools.change_profile import ProfileReceipt, change_profile
from backdesk.kinds.account.tools.check_code import SignedIn, check_code
from backdesk.kinds.account.tools.orders import OrdersListed, list_orders
from backdesk.kinds.account.tools.profile import Profile, show_profile
from backdesk.kinds.account.tools.request_change import request_change
from backdesk.kinds.account.tools.send_code import CodeSent, send_code
from backdesk.kinds.account.tools.sign_out import sign_out
from backdesk.platform.database import Database
from backdesk.platform.deployment import deployment, reset
from backdesk.platform.settings import TaskSettings, load_settings
from backdesk.service.contract import TicketOpened
from backdesk.service.tables import Ticket
from backdesk.shop.tables import Customer
from backdesk.worker.errors import ConfigurationError, TaskError
from tests.kinds.account.accounts import CHIARA, Clock, codes, wrong
from tests.support.deployment import desk_of

IDENTITY = Identity(user_id="cust-3", name="Chiara Rossi", tier="enterprise")


@pytest.fixture
def provider_of_codes(shop: Database) -> MailedCodes:
    return MailedCodes(load_settings(), shop)


@pytest.fixture
def clock(shop: Database, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(shop, monkeypatch)


def account_desk(shop: Database, job_id: str = "job-1", talk: str = "talk", **known: Any) -> Desk[AccountContext]:
    desk = desk_of(shop, job_id, None)
    desk.conversation_id, desk.context = talk, AccountContext(**known)
    return desk


async def use(desk: Desk, outcome: ToolOutcome) -> ToolOutcome:
    """Learn from an outcome, as the journal does."""
    desk.learn(**outcome.learned())
    return outcome


# --- the provider ---


async def test_the_code_that_was_sent_says_who_it_is_once(provider_of_codes: MailedCodes, tmp_path: Path) -> None:
    await provider_of_codes.begin("default", " Chiara@Example.com ")
    [code] = codes(tmp_path)
    spaced = f"{code[:3]} {code[3:]}"
    assert await provider_of_codes.verify("default", CHIARA, spaced, key="job-1") == IDENTITY
    assert await provider_of_codes.verify("default", CHIARA, code, key="job-2") is Denial.WRONG


async def test_the_same_try_has_the_same_answer_and_counts_once(
    provider_of_codes: MailedCodes, tmp_path: Path, shop: Database
) -> None:
    await provider_of_codes.begin("default", CHIARA)
    [code] = codes(tmp_path)
    answers = [
        await provider_of_codes.verify("default", CHIARA, wrong(code), key="job-1") for _ in range(MOST_WRONG + 1)
    ]
    assert set(answers) == {Denial.WRONG}
    assert await provider_of_codes.verify("default", CHIARA, code, key="job-1") == IDENTITY
    assert await provider_of_codes.verify("default", CHIARA, code, key="job-1") == IDENTITY


async def test_five_wrong_codes_lock_an_address_for_a_quarter_of_an_hour(
    provider_of_codes: MailedCodes, tmp_path: Path, clock: Clock
) -> None:
    await provider_of_codes.begin("default", CHIARA)
    [code] = codes(tmp_path)
    tries = [await provider_of_codes.verify("default", CHIARA, wrong(code), key=f"job-{n}") for n in range(MOST_WRONG)]
    assert tries == [Denial.WRONG] * (MOST_WRONG - 1) + [Denial.LOCKED]
    assert await provider_of_codes.verify("default", CHIARA, code, key="right") is Denial.LOCKED
    clock.pass_(minutes=14)
    await provider_of_codes.begin("default", CHIARA)
    assert codes(tmp_path) == [code], "whoever is locked gets no code"
    clock.pass_(minutes=1)
    await provider_of_codes.begin("default", CHIARA)
    assert await provider_of_codes.verify("default", CHIARA, codes(tmp_path)[-1], key="again") == IDENTITY


async def test_a_new_code_does_not_begin_a_new_count(
    provider_of_codes: MailedCodes, tmp_path: Path, clock: Clock
) -> None:
    for number in range(MOST_WRONG):
        await provider_of_codes.begin("default", CHIARA)
        last = await provider_of_codes.verify("default", CHIARA, wrong(codes(tmp_path)[-1]), key=f"job-{number}")
        clock.pass_(minutes=1)
    assert len(codes(tmp_path)) == MOST_WRONG
    assert last is Denial.LOCKED


async def test_of_many_tries_at_once_no_more_than_five_are_looked_at(
    provider_of_codes: MailedCodes, tmp_path: Path, shop: Database
) -> None:
    await provider_of_codes.begin("default", CHIARA)
    [code] = codes(tmp_path)
    many = (provider_of_codes.verify("default", CHIARA, wrong(code), key=f"job-{number}") for number in range(20))
    answers = await asyncio.gather(*many)
    assert answers.count(Denial.WRONG) == MOST_WRONG - 1
    assert await provider_of_codes.verify("default", CHIARA, code, key="right") is Denial.LOCKED
    with shop.of_all_tenants().read() as session:
        assert session.scalars(select(SignInCode.wrong)).one() == MOST_WRONG


async def test_of_the_right_code_at_once_one_try_wins(provider_of_codes: MailedCodes, tmp_path: Path) -> None:
    await provider_of_codes.begin("default", CHIARA)
    [code] = codes(tmp_path)
    tries = await asyncio.gather(*(provider_of_codes.verify("default", CHIARA, code, key=f"job-{n}") for n in range(4)))
    assert tries.count(IDENTITY) == 1


async def test_a_code_is_good_for_ten_minutes(provider_of_codes: MailedCodes, tmp_path: Path, clock: Clock) -> None:
    await provider_of_codes.begin("default", CHIARA)
    clock.pass_(minutes=10)
    assert await provider_of_codes.verify("default", CHIARA, codes(tmp_path)[-1], key="job-1") is Denial.WRONG


async def test_whoever_asks_again_at_once_has_the_code_that_is_on_its_way(
    provider_of_codes: MailedCodes, tmp_path: Path, clock: Clock
) -> None:
    await asyncio.gather(*(provider_of_codes.begin("default", CHIARA) for _ in range(4)))
    assert len(codes(tmp_path)) == 1
    clock.pass_(seconds=30)
    await provider_of_codes.begin("default", CHIARA)
    first, second = codes(tmp_path)
    assert await provider_of_codes.verify("default", CHIARA, second, key="job-1") == IDENTITY
    assert await provider_of_codes.verify("default", CHIARA, first, key="job-2") is Denial.WRONG


async def test_an_address_that_nobody_has_is_treated_like_any_other(
    provider_of_codes: MailedCodes, tmp_path: Path, clock: Clock
) -> None:
    nobody = "nobody@example.com"
    for address in (nobody, CHIARA):
        await provider_of_codes.begin("default", address)
    bad = wrong(codes(tmp_path)[0])
    tries = {
        address: [
            await provider_of_codes.verify("default", address, bad, key=f"job-{n}") for n in range(MOST_WRONG + 1)
        ]
        for address in (nobody, CHIARA)
    }
    assert tries[nobody] == tries[CHIARA]
    assert codes(tmp_path, nobody) == []


async def test_an_address_that_two_share_proves_nothing(
    provider_of_codes: MailedCodes, tmp_path: Path, shop: Database
) -> None:
    await provider_of_codes.begin("default", CHIARA)
    with shop.of_all_tenants().write() as session:
        session.execute(update(Customer).where(Customer.id == "cust-1").values(email="CHIARA@example.com"))
    assert await provider_of_codes.verify("default", CHIARA, codes(tmp_path)[0], key="job-1") is Denial.WRONG


async def test_codes_are_kept_as_hashes_and_the_outbox_is_the_owner_s(
    provider_of_codes: MailedCodes, tmp_path: Path, shop: Database
) -> None:
    await provider_of_codes.begin("default", CHIARA)
    [code] = codes(tmp_path)
    await provider_of_codes.verify("default", CHIARA, code, key="job-1")
    with shop.of_all_tenants().read() as session:
        row = session.scalars(select(SignInCode)).one()
        assert code not in json.dumps({name: str(value) for name, value in vars(row).items() if name[0] != "_"})
    assert stat.S_IMODE((tmp_path / OUTBOX).stat().st_mode) == 0o600


async def test_what_is_known_of_an_address_is_forgotten_after_a_day(
    provider_of_codes: MailedCodes, shop: Database, clock: Clock
) -> None:
    await provider_of_codes.begin("default", "nobody@example.com")
    clock.pass_(hours=25)
    await provider_of_codes.begin("default", CHIARA)
    with shop.of_all_tenants().read() as session:
        assert session.scalars(select(SignInCode.address)).all() == [CHIARA]


# --- which provider ---


class Fixed:
    """A provider of a deployment's own."""

    def __init__(self, settings: TaskSettings, database: Database) -> None:
        self.begun: list[str] = []

    async def begin(self, tenant: str, email: str) -> None:
        self.begun.append(email)

    async def verify(self, tenant: str, email: str, code: str, *, key: str) -> Identity | Denial:
        return Identity(user_id="cust-1", name="Ada", tier="gold") if code == "sesame" else Denial.LOCKED


async def test_a_deployment_names_its_own_provider(shop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_IDENTITY_PROVIDER", f"{__name__}:Fixed")
    reset()
    desk = account_desk(deployment().database)
    provider = identity_provider(desk.settings, desk.whole)
    assert type(provider).__name__ == "Fixed"
    assert identity_provider(desk.settings, desk.whole) is provider
    await use(desk, await send_code(desk, "ada@example.org"))
    refused = await check_code(desk, "mellon")
    assert isinstance(refused, Refusal)
    assert "too many" in refused.refused
    await use(desk, await check_code(desk, "sesame"))
    assert (desk.context.user_id, desk.context.tier) == ("cust-1", "gold")


@pytest.mark.parametrize(
    "place",
    [
        "tasks.nowhere:Codes",
        "backdesk.kinds.account.mailed_codes:Nothing",
        "backdesk.kinds.account.mailed_codes:OUTBOX",
    ],
)
def test_a_provider_that_cannot_be_made_is_a_wrong_setting(
    shop: Database, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("BACKDESK_IDENTITY_PROVIDER", place)
    with pytest.raises(ConfigurationError, match="BACKDESK_IDENTITY_PROVIDER"):
        identity_provider(load_settings(), shop)


# --- the tools ---


@pytest.mark.parametrize("tool", ACCOUNT.tools, ids=lambda tool: tool.name)
@pytest.mark.parametrize("ended", [False, True])
async def test_every_tool_of_an_account_refuses_when_nobody_is_signed_in(
    shop: Database, clock: Clock, tool: Any, ended: bool
) -> None:
    known = {"user_id": "cust-3", "signed_in_until": clock.now} if ended else {"email": CHIARA}
    arguments: dict[str, dict[str, Any]] = {
        "change_profile": {"name": "Mallory"},
        "request_change": {"matter": "password_reset", "details": "please"},
    }
    outcome = await tool(account_desk(shop, **known), **arguments.get(tool.name, {}))
    assert isinstance(outcome, Refusal)
    assert "Nobody is signed in" in outcome.refused


async def test_no_account_is_changed_from_a_desk_that_has_no_sign_in(desk: Desk) -> None:
    assert isinstance(await change_profile(desk, name="Mallory"), Refusal)
    assert isinstance(await check_code(desk, "123456"), Refusal)


async def signed_in(shop: Database, folder: Path, job_id: str = "job-1", talk: str = "talk") -> Desk[AccountContext]:
    desk = account_desk(shop, job_id, talk)
    await use(desk, await send_code(desk, CHIARA))
    outcome = await use(desk, await check_code(desk, codes(folder)[-1]))
    assert isinstance(outcome, SignedIn)
    return desk


async def test_whoever_signs_in_sees_and_changes_their_own_account(shop: Database, tmp_path: Path) -> None:
    desk = await signed_in(shop, tmp_path)
    orders = await list_orders(desk)
    assert isinstance(orders, OrdersListed)
    assert {10003} <= {order.order_number for order in orders.orders} <= {10003 + 8 * n for n in range(5)}
    changed = await use(desk, await change_profile(desk, name=" Chiara  Bianchi ", time_zone="Asia/Tokyo"))
    assert isinstance(changed, ProfileReceipt)
    assert changed.action().model_dump() == {
        "type": "profile_change",
        "user_id": "cust-3",
        "name": "Chiara Bianchi",
        "time_zone": "Asia/Tokyo",
    }
    profile = await show_profile(desk)
    assert isinstance(profile, Profile)
    assert (profile.name, profile.email, profile.time_zone) == ("Chiara Bianchi", CHIARA, "Asia/Tokyo")
    assert (desk.context.name, desk.customer_id, sign_in_of(desk).name) == ("Chiara Bianchi", "cust-3", profile.name)


@pytest.mark.parametrize(
    "wish", [{}, {"name": "  "}, {"name": "x" * 101}, {"name": "a\nb"}, {"time_zone": "Mars/Base"}]
)
async def test_a_change_that_makes_no_sense_is_refused(shop: Database, tmp_path: Path, wish: dict[str, str]) -> None:
    desk = await signed_in(shop, tmp_path)
    assert isinstance(await change_profile(desk, **wish), Refusal)


async def test_a_password_reset_is_one_ticket_of_the_customer(shop: Database, tmp_path: Path) -> None:
    desk = await signed_in(shop, tmp_path)
    receipts = [await request_change(desk, "password_reset", "I forgot it") for _ in range(2)]
    assert {type(receipt.action()) for receipt in receipts} == {TicketOpened}
    with shop.of_all_tenants().read() as session:
        ticket = session.scalars(select(Ticket)).one()
    assert (ticket.customer_id, ticket.priority) == ("cust-3", "high")
    assert "cust-3" in ticket.details


@pytest.mark.parametrize(
    "text", ["", "chiara", "@example.com", "a b@example.com", "a@b@example.com", "a@b", "x" * 250 + "@a.de"]
)
async def test_what_is_no_address_is_sent_no_code(shop: Database, text: str) -> None:
    assert isinstance(await send_code(account_desk(shop), text), Refusal)


async def test_the_tool_says_the_same_of_an_address_that_nobody_has(shop: Database) -> None:
    outcomes = [await send_code(account_desk(shop), address) for address in (CHIARA, "nobody@example.com")]
    assert all(isinstance(outcome, CodeSent) for outcome in outcomes)
    assert len({outcome.note for outcome in outcomes if isinstance(outcome, CodeSent)}) == 1


async def test_wrong_codes_are_counted_over_conversations(shop: Database, tmp_path: Path) -> None:
    said = []
    for number in range(MOST_WRONG + 1):
        desk = account_desk(shop, f"job-{number}", f"talk-{number}")
        await use(desk, await send_code(desk, CHIARA))
        code = codes(tmp_path)[-1]
        outcome = await check_code(desk, code if number == MOST_WRONG else wrong(code))
        assert isinstance(outcome, Refusal)
        said.append("too many" in outcome.refused)
    assert said == [False] * (MOST_WRONG - 1) + [True, True]


async def test_a_sign_in_that_was_made_before_a_crash_is_made(shop: Database, tmp_path: Path) -> None:
    desk = account_desk(shop)
    await use(desk, await send_code(desk, CHIARA))
    first = await check_code(desk, codes(tmp_path)[-1])
    again = await check_code(desk, codes(tmp_path)[-1])
    assert isinstance(again, SignedIn)
    assert again.user_id == "cust-3" == first.learned()["user_id"]


async def test_a_sign_in_is_the_conversation_s_and_no_other_s(shop: Database, tmp_path: Path) -> None:
    desk = await signed_in(shop, tmp_path)
    assert sign_in_of(desk).signed_in(shop.now())
    assert sign_in_of(account_desk(shop, talk="another")).user_id is None
    elsewhere = account_desk(shop)
    elsewhere.tenant = "other"
    assert sign_in_of(elsewhere).user_id is None


async def test_a_conversation_stays_the_customer_s_who_has_signed_in(shop: Database, tmp_path: Path) -> None:
    desk = await signed_in(shop, tmp_path)
    await use(desk, await sign_out(desk))
    assert not desk.context.signed_in(shop.now())
    other = account_desk(shop, "job-2")
    ada = Identity(user_id="cust-1", name="Ada Moreau", tier="premium")
    assert sign_in(other, ada) is None
    other.customer_id = "cust-1"
    with pytest.raises(TaskError) as caught:
        sign_in_of(other)
    assert caught.value.code == "conversation_mismatch"


async def test_whoever_is_named_in_the_request_is_the_only_one_who_can_sign_in(shop: Database, tmp_path: Path) -> None:
    desk = account_desk(shop)
    desk.customer_id = "cust-1"
    await use(desk, await send_code(desk, CHIARA))
    outcome = await check_code(desk, codes(tmp_path)[-1])
    assert isinstance(outcome, Refusal)
    assert "another account" in outcome.refused


async def test_of_two_who_sign_in_in_one_conversation_at_once_one_gets_it(shop: Database) -> None:
    people = [Identity(user_id=f"cust-{number}", name="?", tier="basic") for number in range(1, 7)]
    desks = [account_desk(shop, f"job-{number}") for number in range(6)]
    ins = (asyncio.to_thread(sign_in, desk, who) for desk, who in zip(desks, people, strict=True))
    assert len([known for known in await asyncio.gather(*ins) if known]) == 1


async def test_a_sign_in_lasts_an_hour(shop: Database, tmp_path: Path, clock: Clock) -> None:
    desk = await signed_in(shop, tmp_path)
    clock.pass_(hours=1)
    known = sign_in_of(desk)
    assert (known.user_id, known.signed_in_until, known.recalls) == ("cust-3", None, False)
    assert isinstance(await show_profile(desk), Refusal)


async def test_sign_ins_are_forgotten_after_a_season(shop: Database, clock: Clock) -> None:
    sign_in(account_desk(shop, talk="old"), IDENTITY)
    clock.pass_(days=91)
    sign_in(account_desk(shop, talk="new"), IDENTITY)
    with shop.of_all_tenants().read() as session:
        assert session.scalars(select(SignIn.conversation_id)).all() == ["new"]


async def test_a_code_signs_in_the_customer_of_the_tenant_that_asked_for_it(owned: Database, tmp_path: Path) -> None:
    provider = MailedCodes(load_settings(), owned)
    await provider.begin("globex", "chiara@example.com")
    assert not (tmp_path / OUTBOX).exists(), "the address is another tenant's"
    await provider.begin("default", "chiara@example.com")
    (code,) = re.findall(r"\d{6}", (tmp_path / OUTBOX).read_text())
    assert await provider.verify("globex", "chiara@example.com", code, key="job-1") is Denial.WRONG
    known = await provider.verify("default", "chiara@example.com", code, key="job-1")
    assert isinstance(known, Identity)
    assert known.user_id == "cust-3"
