"""What staff read of the queue of cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backdesk.cli.commands.desk import due
from backdesk.service.cases_contract import Case, CaseState

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("state", "left", "answered", "says"),
    [
        ("open", -3 * HOUR, None, "3 h late"),
        ("open", 3.5 * HOUR, None, "in 3 h"),
        ("open", -3 * HOUR, -4 * HOUR, "answered"),
        ("taken", 3 * HOUR, -HOUR, "answered"),
        ("closed", -3 * HOUR, -4 * HOUR, ""),
        ("closed", -3 * HOUR, None, ""),
    ],
)
def test_a_case_that_was_answered_is_not_called_late(
    state: CaseState, left: timedelta, answered: timedelta | None, says: str
) -> None:
    now = datetime.now(UTC)
    case = Case(
        case="T-000001",
        state=state,
        priority="normal",
        subject="The lamp",
        customer_id="cust-1",
        conversation_id="talk",
        opened_at=now - 9 * HOUR,
        due_at=now + left,
        answered_at=now + answered if answered else None,
    )
    assert due(case) == says
