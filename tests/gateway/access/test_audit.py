"""What is done over HTTP is in the audit log before its answer is sent, and so is what is refused."""

from __future__ import annotations

import httpx2
import pytest

from backdesk.worker.model.audit import AuditEntry, Part
from tests.support.house import House

FORM = {"content-type": "application/x-www-form-urlencoded"}


def newest(house: House, part: Part = Part.ACTIONS) -> AuditEntry:
    return house.jobs.audit.list(part=part, limit=1)[0]


def test_an_action_is_noted_with_who_what_on_what_and_what_came_of_it(guarded: httpx2.Client, house: House) -> None:
    job = house.asking()
    headers = house.key("operate") | {"x-request-id": "req-1"}
    assert guarded.post(f"/v1/jobs/{job}/approve", headers=headers).status_code == 204
    entry = newest(house)
    assert (entry.by, entry.way, entry.tenant, entry.address) == ("operate of acme", "key", "acme", "127.0.0.1")
    assert (entry.action, entry.on) == ("POST /v1/jobs/{job_id}/approve", f"job_id={job}")
    assert (entry.outcome, entry.request_id) == ("204", "req-1")
    assert entry.key_id == house.secrets["operate", "acme"].split("_")[1]


def test_what_failed_is_noted_as_it_ended(guarded: httpx2.Client, house: House) -> None:
    guarded.post("/v1/jobs/nothing/approve", headers=house.key("operate"))
    assert (newest(house).on, newest(house).outcome) == ("job_id=nothing", "404")


def test_looking_is_not_noted(guarded: httpx2.Client, house: House) -> None:
    before = len(house.jobs.audit.list(limit=1000))
    assert guarded.get("/v1/jobs", headers=house.key("read")).status_code == 200
    assert len(house.jobs.audit.list(limit=1000)) == before


def test_jobs_that_are_ended_are_noted_apart(guarded: httpx2.Client, house: House) -> None:
    job = house.asking()
    guarded.post(f"/v1/jobs/{job}/cancel", headers=house.key("submit"))
    assert newest(house, Part.JOBS).on == f"job_id={job}"


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/keys", "/metrics"])
def test_a_refusal_is_noted_also_of_who_only_looks(guarded: httpx2.Client, house: House, path: str) -> None:
    assert guarded.get(path, headers={"x-api-key": "no key"}).status_code == 401
    entry = newest(house, Part.REFUSALS)
    assert (entry.by, entry.action, entry.outcome, entry.address) == ("", f"GET {path}", "401", "127.0.0.1")


def test_who_may_not_is_noted_by_name(guarded: httpx2.Client, house: House) -> None:
    assert guarded.post("/v1/keys", json={"name": "k"}, headers=house.key("operate")).status_code == 403
    assert (newest(house, Part.REFUSALS).by, newest(house, Part.REFUSALS).outcome) == ("operate of acme", "403")


def test_no_secret_is_in_the_log(guarded: httpx2.Client, house: House) -> None:
    job = house.asking()
    admin = house.key("admin", None)
    secret = guarded.post("/v1/keys", json={"name": "k"}, headers=admin).json()["secret"]
    token = guarded.post("/v1/links", json={"job_id": job, "purpose": "answer"}, headers=admin).json()["token"]
    assert guarded.post(f"/answer?token={token}", content="decision=deny&note=never", headers=FORM).status_code == 200
    code = house.jobs.sessions.invite("ada")
    assert guarded.post("/sign-in", data={"code": code}).status_code == 303
    guarded.cookies.clear()
    entries = house.jobs.audit.list(limit=1000)
    assert {"POST /v1/keys", "POST /v1/links", "POST /answer", "POST /sign-in"} <= {each.action for each in entries}
    told = "".join(each.model_dump_json() for each in entries)
    for hidden in (secret, token, code, "never", admin["authorization"].split()[1]):
        assert hidden not in told


def test_an_admin_of_a_tenant_reads_what_its_own_did(guarded: httpx2.Client, house: House) -> None:
    guarded.post("/v1/jobs/nothing/deny", headers=house.key("operate", "other"))
    guarded.post("/v1/jobs/nothing/deny", headers=house.key("operate", "acme"))
    listed = guarded.get("/v1/audit", headers=house.key("admin", "acme")).json()["data"]
    assert {each["tenant"] for each in listed} == {"acme"}
    assert guarded.get("/v1/audit?tenant=other", headers=house.key("admin", "acme")).status_code == 403
    everything = guarded.get("/v1/audit?limit=1000", headers=house.key("admin", None)).json()["data"]
    assert {"acme", "other"} <= {each["tenant"] for each in everything}
