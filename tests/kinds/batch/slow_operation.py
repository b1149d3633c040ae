"""Operations whose doings can be counted. Loaded by BACKDESK_TASK_MODULES."""

from __future__ import annotations

import time

from backdesk.kinds.batch import kind  # noqa: F401 - which runs them
from backdesk.tools.batch.operation import ItemCall, operation


@operation("test.slow_square", effect="pure", parallel=4)
def slow_square(item: int, call: ItemCall) -> int:
    """Square a number, slowly."""
    time.sleep(0.005)
    return item * item
