"""Signing in: the codes that were sent, and who is signed in in which conversation."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from backdesk.platform.tables import OfTenant, Table


class SignInCode(OfTenant, Table):
    """The code that was sent to an address last, and what was tried; of every address alike, whoever it belongs to."""

    __tablename__ = "sign_in_codes"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    #: An e-mail address in lower case.
    address: Mapped[str] = mapped_column(primary_key=True)
    salt: Mapped[str]
    #: The hash of the code; empty when there is none that could be right.
    digest: Mapped[str]
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    #: Wrong tries in a row, over all codes and conversations, and when the last one was.
    wrong: Mapped[int] = mapped_column(default=0)
    tried_at: Mapped[datetime | None]
    #: Names the last try, and whether it was right: the same one again is neither counted nor refused.
    last_try: Mapped[str] = mapped_column(default="")
    last_try_right: Mapped[bool] = mapped_column(default=False)


class SignIn(OfTenant, Table):
    """Who has signed in in a conversation. It is theirs from then on, also when they are no longer signed in."""

    __tablename__ = "sign_ins"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    name: Mapped[str]
    tier: Mapped[str]
    until: Mapped[datetime] = mapped_column(index=True)
