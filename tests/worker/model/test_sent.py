"""What is kept of a request to a model where requests are kept masked."""

from __future__ import annotations

from typing import Any

import pytest

from backdesk.worker.model.sent import SentLog, read_sent, unpack_sent
from tests.support.confidences import KEPT, TOLD, found_in


@pytest.mark.parametrize(("masks", "left"), [(True, []), (False, ["DE89 3704 0044 0532 0130 00"])])
def test_what_names_persons_is_masked_in_it_where_that_is_wanted(masks: bool, left: list[str]) -> None:
    kept: list[bytes] = []
    log = SentLog(lambda entry, _texts: kept.append(entry), masks=masks)
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": TOLD}], "metadata": {"told": TOLD}}
    for number in (1, 2):
        log.add(f"1.{number}", body, agent="clerk", model="m", prompt=None, shared="")
    bodies = [request.body for request in read_sent(unpack_sent(kept), {})]
    assert found_in(str(bodies))[:1] == left
    assert (bodies[0] == bodies[1], KEPT in str(bodies[0])) == (True, masks)
