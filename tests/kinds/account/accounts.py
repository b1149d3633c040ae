"""What tests of accounts need: the codes that were sent, and a clock that can be put forward."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backdesk.kinds.account.contract import AccountRequest, AccountResult
from backdesk.kinds.account.kind import account_help
from backdesk.kinds.account.mailed_codes import OUTBOX
from backdesk.platform.database import Database
from tests.support.recording import Recording, converse

CHIARA = "chiara@example.com"


def codes(folder: Path, address: str = CHIARA) -> list[str]:
    """Return the codes that were sent to an address, the oldest first."""
    outbox = folder / OUTBOX
    letters = [json.loads(line) for line in outbox.read_text().splitlines()] if outbox.exists() else []
    return [re.findall(r"\d{6}", letter["text"])[0] for letter in letters if letter["to"] == address]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


async def tell(
    message: str,
    job_id: str = "job-1",
    *,
    conversation_id: str | None = "talk",
    customer_id: str | None = None,
    sink: Recording | None = None,
    tenant: str = "default",
) -> AccountResult:
    """Run the body of account.help on a message."""
    request = AccountRequest(message=message, conversation_id=conversation_id, customer_id=customer_id)
    return await converse(account_help, request, job_id, sink=sink, tenant=tenant)


class Clock:
    """The database's clock, which stands unless it is put forward."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = datetime.now(UTC)
        monkeypatch.setattr(database, "now", lambda: self.now)

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)
