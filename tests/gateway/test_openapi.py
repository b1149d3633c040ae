"""The document of the API, held to what the gateway answers to requests that schemathesis makes up from it."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from backdesk.gateway.app import create_app
from backdesk.gateway.settings import GatewaySettings
from tests.support.house import House

DOCUMENT = create_app(GatewaySettings(_env_file=None)).openapi()
#: Streams go on until their job ends, and are tested with clients of them.
STREAMS = r"/stream$|/events$"
Case = schemathesis.Case[Any]
schema = schemathesis.openapi.from_dict(DOCUMENT).exclude(path_regex=STREAMS)


BOUNDS = settings(
    max_examples=3,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def hold(case: Case, guarded: httpx2.Client, house: House) -> None:
    """Send a request, and hold the answer to the document."""
    answer = case.call(base_url=str(guarded.base_url), headers=house.key("admin", None), timeout=10)
    assert answer.status_code not in {500, 502}, (case.as_curl_command(), answer.text)
    known = case.operation.definition.raw["responses"]
    assert {str(answer.status_code), f"{answer.status_code // 100}XX"} & set(known), answer.status_code


@schema.parametrize()
@BOUNDS
def test_no_request_comes_to_an_error_of_ours_or_to_a_status_that_is_not_documented(
    case: Case, guarded: httpx2.Client, house: House
) -> None:
    hold(case, guarded, house)


@pytest.mark.soak
@schema.parametrize()
@settings(BOUNDS, max_examples=200, derandomize=False, phases=[Phase.explicit, Phase.generate])
def test_no_request_of_many_does_either(case: Case, guarded: httpx2.Client, house: House) -> None:
    hold(case, guarded, house)
