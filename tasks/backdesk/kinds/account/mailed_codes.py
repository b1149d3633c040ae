"""The identity provider that ships: the shop's customers, and codes of six digits that go to an outbox file.

It is for development: nothing is mailed. Codes are kept as salted hashes, are good once and for ten minutes. Five wrong
ones in a row lock an address for fifteen minutes; asking for a new code does not begin a new count.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backdesk.kinds.account.identity import Denial, Identity
from backdesk.kinds.account.tables import SignInCode
from backdesk.platform.database import Database
from backdesk.platform.settings import TaskSettings
from backdesk.platform.tables import utc
from backdesk.shop.tables import Customer

GOOD_FOR = timedelta(minutes=10)
#: Between two codes for an address; whoever asks again sooner has one on its way.
PAUSE = timedelta(seconds=30)
MOST_WRONG = 5
LOCKED_FOR = timedelta(minutes=15)
#: What is known of an address is forgotten after this.
KEPT_FOR = timedelta(days=1)
OUTBOX = "outbox.jsonl"


class MailedCodes:
    """An IdentityProvider on the table of customers."""

    def __init__(self, settings: TaskSettings, database: Database) -> None:
        self._database = database
        self._outbox = settings.data_dir / OUTBOX

    async def begin(self, tenant: str, email: str) -> None:
        """See IdentityProvider."""
        await self._database.in_thread(lambda: self._begin(tenant, _address(email)))

    async def verify(self, tenant: str, email: str, code: str, *, key: str) -> Identity | Denial:
        """See IdentityProvider."""
        return await self._database.in_thread(lambda: self._verify(tenant, _address(email), _digits(code), key))

    def _begin(self, tenant: str, address: str) -> None:
        now = self._database.now()
        try:
            with self._database.of(tenant).write() as session:
                _forget(session, now)
                row = _row(session, tenant, address, now)
                if not _locked(row, now) and not (row.digest and now < utc(row.sent_at) + PAUSE):
                    code = f"{secrets.randbelow(10**6):06}"
                    row.digest, row.sent_at, row.expires_at = hash_of(row.salt, code), now, now + GOOD_FOR
                    # Within the transaction: a code that is good has been sent.
                    if _customer(session, address) is not None:
                        _post(self._outbox, address, code, now)
        except IntegrityError:  # another was faster, and has sent one
            return

    def _verify(self, tenant: str, address: str, code: str, key: str) -> Identity | Denial:
        now = self._database.now()
        try:
            with self._database.of(tenant).write() as session:
                return _tried(session, _row(session, tenant, address, now), code, key, now)
        except IntegrityError:  # the address is new, and another was faster to write it down
            return self._verify(tenant, address, code, key)


def _address(email: str) -> str:
    return email.strip().lower()


def _digits(code: str) -> str:
    return "".join(sign for sign in code if sign.isalnum())


def _row(session: Session, tenant: str, address: str, now: datetime) -> SignInCode:
    row = session.get(SignInCode, (tenant, address), with_for_update=True)
    if row is None:
        row = SignInCode(address=address, salt=secrets.token_hex(16), digest="", sent_at=now, expires_at=now)
        session.add(row)
        session.flush()
    return row


def _tried(session: Session, row: SignInCode, code: str, key: str, now: datetime) -> Identity | Denial:
    customer = _customer(session, row.address)
    this_try = hmac.new(row.salt.encode(), f"{key}\n{code}".encode(), "sha256").hexdigest()
    if not hmac.compare_digest(this_try, row.last_try):
        if _locked(row, now):
            return Denial.LOCKED
        _count(row, this_try, now, right=_right(row, code, now) and customer is not None)
    if row.last_try_right and customer is not None:
        return Identity(user_id=customer.id, name=customer.name, tier=customer.tier)
    return Denial.LOCKED if _locked(row, now) else Denial.WRONG


def _right(row: SignInCode, code: str, now: datetime) -> bool:
    # The hash is made of every code alike, so that nobody can tell from the time it takes.
    same = hmac.compare_digest(hash_of(row.salt, code), row.digest)
    return same and now < utc(row.expires_at)


def _count(row: SignInCode, this_try: str, now: datetime, *, right: bool) -> None:
    row.last_try, row.last_try_right = this_try, right
    if right:
        row.digest, row.wrong = "", 0
    else:
        fresh = row.tried_at is not None and now < utc(row.tried_at) + LOCKED_FOR
        row.wrong, row.tried_at = (row.wrong if fresh else 0) + 1, now


def _locked(row: SignInCode, now: datetime) -> bool:
    return row.wrong >= MOST_WRONG and row.tried_at is not None and now < utc(row.tried_at) + LOCKED_FOR


def _customer(session: Session, address: str) -> Customer | None:
    found = session.scalars(select(Customer).where(func.lower(Customer.email) == address).limit(2)).all()
    # An address that two share proves nothing.
    return found[0] if len(found) == 1 else None


def hash_of(salt: str, code: str) -> str:
    """Return what is kept of a code."""
    return hashlib.scrypt(code.encode(), salt=salt.encode(), n=2**12, r=8, p=1).hex()


def _forget(session: Session, now: datetime) -> None:
    session.execute(delete(SignInCode).where(SignInCode.sent_at < now - KEPT_FOR))


def _post(outbox: Path, address: str, code: str, now: datetime) -> None:
    letter = {"sent_at": now.isoformat(), "to": address, "text": f"Your code is {code}. It is good for ten minutes."}
    outbox.parent.mkdir(parents=True, exist_ok=True)
    # Whoever can read it can sign in as anybody. One write a line, so that processes do not mix theirs.
    handle = os.open(outbox, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, f"{json.dumps(letter)}\n".encode())
    finally:
        os.close(handle)
