"""The proof of `account.help`: a sign-in with a change of the profile, and a wrong code."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from sqlalchemy import select

import backdesk.kinds.account.kind  # noqa: F401 - registers the kind
from backdesk.kinds.account.contract import AccountRequest, AccountResult
from backdesk.kinds.account.mailed_codes import hash_of
from backdesk.kinds.account.tables import SignIn, SignInCode
from backdesk.platform.database import Database
from backdesk.shop.tables import Customer
from tests.support.openai_simulator import Text, call
from tests.support.proof import Proof, Talk

CODE = "271828"
CHANGED = Text("Welcome back, Chiara. Your time zone is Asia/Tokyo now.")
REFUSED = Text("That code is not right. Which one did you get?")


def _code_is_on_its_way(address: str, shop: Database) -> None:
    now = shop.now()
    with shop.of("default").write() as session:
        expires = now + timedelta(minutes=10)
        row = SignInCode(address=address, salt="salt", digest=hash_of("salt", CODE), sent_at=now, expires_at=expires)
        session.add(row)


def _signed_in_and_changed(result: AccountResult, shop: Database) -> None:
    assert (result.answer, result.path) == (CHANGED.text, ["sign_in", "account"])
    assert result.customer is not None
    assert result.customer.user_id == "cust-3"
    assert [action.type for action in result.actions] == ["profile_change"]
    with shop.of_all_tenants().read() as session:
        assert session.get_one(Customer, ("default", "cust-3")).time_zone == "Asia/Tokyo"
        assert "cust-3" in session.scalars(select(SignIn.user_id)).all()
        assert session.get_one(SignInCode, ("default", "chiara@example.com")).digest == "", "a code is good once"


def _counted_once(result: AccountResult, shop: Database) -> None:
    assert (result.answer, result.path, result.customer) == (REFUSED.text, ["sign_in"], None)
    with shop.of_all_tenants().read() as session:
        assert session.get_one(SignInCode, ("default", "finn@example.com")).wrong == 1


PROOF = Proof(
    "account.help",
    (
        Talk(
            AccountRequest(message=f"I am chiara@example.com, my code is {CODE}, and I live in Tokyo now"),
            (
                call("send_code", email="chiara@example.com"),
                call("check_code", code=CODE),
                call("hand_over", to="account", reason="wants the time zone of Tokyo"),
                call("change_profile", time_zone="Asia/Tokyo"),
                CHANGED,
            ),
            _signed_in_and_changed,
            partial(_code_is_on_its_way, "chiara@example.com"),
        ),
        Talk(
            AccountRequest(message="I am finn@example.com, my code is 000111"),
            (call("send_code", email="finn@example.com"), call("check_code", code="000111"), REFUSED),
            _counted_once,
            partial(_code_is_on_its_way, "finn@example.com"),
        ),
    ),
)
