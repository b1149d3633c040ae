"""What strangers must not get of `account.help`: a customer's profile."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backdesk.agents.desk import Context
from backdesk.kinds.account.sign_in import AccountContext
from backdesk.kinds.account.tables import SignIn
from tests.support.strangers import IN_AN_HOUR, OWNER, Case, Stakes


def signed_in(customer: str | None) -> Context:
    until = IN_AN_HOUR if customer else None
    return AccountContext(user_id=customer, name=customer, tier="basic", signed_in_until=until)


def mark(session: Session) -> None:
    session.add(SignIn(conversation_id="talk", user_id=OWNER, name=OWNER, tier="basic", until=IN_AN_HOUR))


STAKES = Stakes(
    {
        "show_profile": Case(context=signed_in),
        "list_orders": Case(context=signed_in),
        "change_profile": Case({"name": "Somebody Else"}, context=signed_in, shows="Somebody Else"),
        "request_change": Case({"matter": "account_closure", "details": "close it"}, context=signed_in, shows="T-"),
        "sign_out": Case(context=signed_in, shows="signed_out"),
        "send_code": Case({"email": "chiara@example.com"}, of_tenant=True, shows="chiara@example.com"),
        "check_code": Case(
            {"code": "123456"}, context=lambda _: AccountContext(email="chiara@example.com"), shows="code"
        ),
    },
    mark,
    of_nobody=frozenset({"send_code", "check_code"}),
    only_for_customers=frozenset({"show_profile", "list_orders", "change_profile", "request_change", "sign_out"}),
)
