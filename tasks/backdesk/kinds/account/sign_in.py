"""Who is signed in in a conversation: written by the tool that checks codes, and read before each message.

A sign-in belongs to one conversation of one tenant. Neither a request nor what was kept of a conversation can say that
somebody is signed in: the row does.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backdesk.agents.desk import Context, Desk
from backdesk.kinds.account.identity import Identity
from backdesk.kinds.account.tables import SignIn
from backdesk.platform.tables import utc
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

SIGNED_IN_FOR = timedelta(hours=1)
#: A conversation that nobody has signed in to for so long belongs to nobody again.
KEPT_FOR = timedelta(days=90)


class AccountContext(Context):
    """What the agents of a customer's account know. Only tools say it, by what they have learned."""

    #: Where a code was sent.
    email: str | None = None
    #: Who has signed in; the conversation is theirs, also when they are no longer signed in.
    user_id: str | None = None
    name: str | None = None
    tier: str | None = None
    #: None once it had passed when the message came.
    signed_in_until: datetime | None = None

    @property
    def customer(self) -> str | None:
        """The customer whose conversation it is."""
        return self.user_id

    @property
    def recalls(self) -> bool:
        """Whether what was said may be seen: once somebody had signed in, only by who is signed in."""
        return self.user_id is None or self.signed_in_until is not None

    def signed_in(self, now: datetime) -> bool:
        """Whether somebody is signed in at this time."""
        return self.user_id is not None and self.signed_in_until is not None and now < self.signed_in_until


def sign_in_of(desk: Desk) -> AccountContext:
    """Return who is signed in in the desk's conversation. Blocks.

    Raises TaskError (`conversation_mismatch`) when it belongs to another customer than the one that is named.
    """
    with desk.database.read() as session:
        row = session.get(SignIn, _key(desk))
        if row is None:
            return AccountContext(user_id=None, name=None, tier=None, signed_in_until=None)
        if desk.customer_id not in (None, row.user_id):
            raise TaskError(
                "conversation_mismatch",
                "The conversation belongs to another customer, who has signed in: begin a new one.",
                category=Category.AUTHORIZATION,
            )
        return _context(row, desk.database.now())


def sign_in(desk: Desk, identity: Identity) -> AccountContext | None:
    """Note who has signed in, and return what is known now; None when the conversation is another's. Blocks.

    Repeated for the same person it only lasts longer.
    """
    if desk.customer_id not in (None, identity.user_id):
        return None
    try:
        with desk.database.write() as session:
            return _sign_in(session, desk, identity)
    except IntegrityError:  # another message of this conversation was faster
        return sign_in(desk, identity)


def end_sign_in(desk: Desk) -> None:
    """End the sign-in; the conversation stays whose it is. Blocks."""
    with desk.database.write() as session:
        if (row := _own(session, desk)) is not None:
            row.until = desk.database.now()


def rename(session: Session, desk: Desk, name: str) -> None:
    """Have whoever is signed in called by a new name."""
    if (row := _own(session, desk)) is not None:
        row.name = name


def _own(session: Session, desk: Desk) -> SignIn | None:
    row = session.get(SignIn, _key(desk))
    return row if row is not None and row.user_id == desk.customer_id else None


def _sign_in(session: Session, desk: Desk, identity: Identity) -> AccountContext | None:
    now = desk.database.now()
    session.execute(delete(SignIn).where(SignIn.until < now - KEPT_FOR))
    row = session.get(SignIn, _key(desk), with_for_update=True)
    if row is None:
        tenant, conversation_id = _key(desk)
        row = SignIn(tenant=tenant, conversation_id=conversation_id, user_id=identity.user_id)
        session.add(row)
    if row.user_id != identity.user_id:
        return None
    row.name, row.tier, row.until = identity.name, identity.tier, now + SIGNED_IN_FOR
    session.flush()
    return _context(row, now)


def _context(row: SignIn, now: datetime) -> AccountContext:
    until = utc(row.until)
    known = AccountContext(user_id=row.user_id, name=row.name, tier=row.tier, signed_in_until=until)
    return known if known.signed_in(now) else known.model_copy(update={"signed_in_until": None})


def _key(desk: Desk) -> tuple[str, str]:
    return desk.tenant, desk.conversation_id
