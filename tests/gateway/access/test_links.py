"""Links: whoever has one may watch one job or answer one ask, for a while, and nothing else."""

from __future__ import annotations

import re

import httpx2
import pytest

from backdesk.gateway.access.signing import Signer
from backdesk.worker.model.asks import AskType
from backdesk.worker.model.job import JobState
from backdesk.worker.settings import Settings
from tests.support.eventually import eventually
from tests.support.house import House, reached

FORM = {"content-type": "application/x-www-form-urlencoded"}
OTHER_SECRET = "another secret that signs links, of more than 32 characters"


def link(client: httpx2.Client, house: House, job_id: str, scope: str = "operate", **body: object) -> httpx2.Response:
    return client.post("/v1/links", json={"job_id": job_id, **body}, headers=house.key(scope))


def token_of(answer: httpx2.Response) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def address(client: httpx2.Client, token: str) -> str:
    return f"{client.base_url}/answer?token={token}"


# Watching


def test_a_link_to_watch_is_good_for_its_job_alone(guarded: httpx2.Client, house: House) -> None:
    job, other = house.asking(), house.asking()
    made = link(guarded, house, job, scope="read")
    token = token_of(made)
    assert made.json()["url"] == f"{guarded.base_url}/v1/jobs/{job}/events?token={token}".replace("//v1", "/v1")
    assert guarded.get(f"/v1/jobs/{job}?token={token}").json()["id"] == job
    assert guarded.get(f"/v1/jobs/{job}", headers={"authorization": f"Bearer {token}"}).status_code == 200
    with guarded.stream("GET", f"/v1/jobs/{job}/events?token={token}") as events:
        assert events.status_code == 200
        assert next(events.iter_lines())
    for path in (f"/v1/jobs/{other}", f"/v1/jobs/{other}/events", f"/v1/jobs/{job}/log", "/v1/jobs", "/v1/session"):
        assert guarded.get(f"{path}?token={token}").status_code == 403, path
    for path in (f"/v1/jobs/{job}/cancel", f"/v1/jobs/{job}/approve", f"/v1/jobs/{job}"):
        assert guarded.post(f"{path}?token={token}").status_code in {403, 405}, path
    assert house.board.state(job) is JobState.WAITING


def test_a_key_in_the_address_is_no_key(guarded: httpx2.Client, house: House) -> None:
    assert guarded.get(f"/v1/session?token={house.secrets['admin', None]}").status_code == 401


def test_a_link_is_given_only_by_who_may_do_what_it_allows(guarded: httpx2.Client, house: House) -> None:
    job = house.asking()
    assert link(guarded, house, job, scope="submit", purpose="answer").status_code == 403
    assert guarded.post("/v1/links", json={"job_id": job}).status_code == 401
    assert guarded.post("/v1/links", json={"job_id": job}, headers=house.key("admin", "other")).status_code == 404


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token.replace(".", "x.", 1),
        lambda token: token.partition(".")[0],
        lambda token: token.partition(".")[0] + ".",
        lambda token: "bdl_." + token.partition(".")[2],
        lambda token: "bdl_" + "A" * 5000 + ".A",
        lambda token: token + "=",
    ],
)
def test_a_forged_link_is_refused_and_teaches_nothing(guarded: httpx2.Client, house: House, forge: object) -> None:
    job = house.asking()
    watching = token_of(link(guarded, house, job))
    answering = token_of(link(guarded, house, job, purpose="answer"))
    assert callable(forge)
    refused = guarded.get(f"/v1/jobs/{job}?token={forge(watching)}")
    missing = guarded.get(f"/v1/jobs/nothing?token={forge(watching)}")
    assert refused.status_code == missing.status_code == 403
    assert refused.json()["detail"] == missing.json()["detail"]
    assert guarded.get(f"/answer?token={forge(answering)}").status_code == 403
    assert (
        guarded.post(f"/answer?token={forge(answering)}", content="decision=approve", headers=FORM).status_code == 403
    )
    assert house.board.state(job) is JobState.WAITING


def test_a_link_for_one_purpose_is_good_for_no_other(guarded: httpx2.Client, house: House) -> None:
    job = house.asking()
    watching = token_of(link(guarded, house, job))
    answering = token_of(link(guarded, house, job, purpose="answer"))
    assert guarded.get(f"/answer?token={watching}").status_code == 403
    assert guarded.get(f"/v1/jobs/{job}?token={answering}").status_code == 403


def test_a_link_ends_with_its_time(tmp_path: object, settings: Settings) -> None:
    now = [1_000_000.0]
    signer = Signer((OTHER_SECRET,), settings.data_dir, lambda: now[0])
    token = signer.sign("watch", 60, job_id="j")
    assert signer.read("watch", token) is not None
    now[0] += 60
    assert signer.read("watch", token) is None


def test_links_outlive_a_change_of_the_secret_while_the_one_before_is_given_too(settings: Settings) -> None:
    old, new = ("x" * 40,), ("y" * 40, "x" * 40)
    token = Signer(old, settings.data_dir).sign("watch", 60, job_id="j")
    assert Signer(new, settings.data_dir).read("watch", token) is not None
    assert Signer(new[:1], settings.data_dir).read("watch", token) is None


def test_a_secret_is_made_once_and_is_for_its_owner_alone(house: House) -> None:
    tokens = [Signer((), house.settings.data_dir).sign("watch", 60, job_id="j") for _ in range(2)]
    assert all(Signer((), house.settings.data_dir).read("watch", token) for token in tokens)
    assert (house.settings.data_dir / "gateway.secret").stat().st_mode & 0o777 == 0o600


def test_a_link_ends_with_the_key_that_gave_it(guarded: httpx2.Client, house: House) -> None:
    job, made = house.asking(), house.jobs.keys.add("giver", scope="operate", tenant="acme")
    token = token_of(guarded.post("/v1/links", json={"job_id": job}, headers={"x-api-key": made.secret}))
    assert guarded.get(f"/v1/jobs/{job}?token={token}").status_code == 200
    house.jobs.keys.revoke(made.key.id)
    eventually(lambda: guarded.get(f"/v1/jobs/{job}?token={token}").status_code == 403)


# Answering


def test_an_answer_is_given_by_posting_and_once(guarded: httpx2.Client, house: House) -> None:
    job = house.asking(prompt="Refund order 10003?", facts={"amount": "12.00 EUR"})
    token = token_of(link(guarded, house, job, purpose="answer", expires_s=600))
    for _ in range(3):  # previews of messages look at what is sent
        page = guarded.get(f"/answer?token={token}")
        assert page.status_code == 200
        assert "Refund order 10003?" in page.text
        assert "12.00 EUR" in page.text
    assert house.board.state(job) is JobState.WAITING
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert "script" not in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]

    done = guarded.post(f"/answer?token={token}", content="decision=approve&note=fine", headers=FORM)
    assert done.status_code == 200
    record = house.jobs.get(job)
    assert record.state is not JobState.WAITING
    answered = [each for each in house.jobs.events(job) if each.type == "answered"][-1]
    assert (answered.data["decision"], answered.data["note"]) == ("approve", "fine")
    assert answered.data["by"] == "link of operate of acme"
    again = guarded.post(f"/answer?token={token}", content="decision=deny", headers=FORM)
    assert (again.status_code, guarded.get(f"/answer?token={token}").status_code) == (410, 410)
    assert "Refund" not in again.text


def test_a_question_is_answered_in_words_or_by_one_of_its_choices(guarded: httpx2.Client, house: House) -> None:
    choosing = house.asking(type_=AskType.QUESTION, choices=["red", "blue"])
    token = token_of(link(guarded, house, choosing, purpose="answer"))
    assert re.findall(r'value="(\w+)"', guarded.get(f"/answer?token={token}").text) == ["red", "blue"]
    assert guarded.post(f"/answer?token={token}", content="decision=green", headers=FORM).status_code == 422
    assert house.board.state(choosing) is JobState.WAITING
    assert guarded.post(f"/answer?token={token}", content="decision=red", headers=FORM).status_code == 200
    free = house.asking(type_=AskType.QUESTION)
    token = token_of(link(guarded, house, free, purpose="answer"))
    assert guarded.post(f"/answer?token={token}", content="decision=any+words", headers=FORM).status_code == 200


def test_what_a_job_asks_is_shown_as_text_whatever_it_is(guarded: httpx2.Client, house: House) -> None:
    hostile = '<img src=x onerror="alert(1)">\u202egnp\x1b[2J'
    job = house.asking(prompt=hostile, facts={hostile: hostile}, choices=[hostile])
    token = token_of(link(guarded, house, job, purpose="answer"))
    page = guarded.get(f"/answer?token={token}").text
    assert "<img" not in page
    assert not {"\u202e", "\x1b"} & set(page)


def test_another_body_than_that_of_a_form_answers_nothing(guarded: httpx2.Client, house: House) -> None:
    job = house.asking()
    token = token_of(link(guarded, house, job, purpose="answer"))
    assert guarded.post(f"/answer?token={token}", json={"decision": "approve"}).status_code == 422
    assert guarded.post(f"/answer?token={token}", content=b"\xff\xfe=1", headers=FORM).status_code == 422
    assert guarded.post(f"/answer?token={token}", content=b"a" * 100_000, headers=FORM).status_code == 413
    assert house.board.state(job) is JobState.WAITING


def test_only_what_is_asked_now_can_be_given_away(guarded: httpx2.Client, house: House) -> None:
    job = house.asking()
    assert link(guarded, house, job, purpose="answer", ask="nothing").status_code == 422
    idle = house.board.submit(f"idle-{job}")
    assert link(guarded, house, idle, purpose="answer").status_code == 409
    assert link(guarded, house, "nothing").status_code == 404
    assert link(guarded, house, job, expires_s=10**9).status_code == 422


def test_a_link_names_the_address_at_which_clients_reach_the_gateway(house: House) -> None:
    with reached(house.settings, public_url="https://desk.example.com/") as http:
        job = house.asking()
        made = link(http, house, job, purpose="answer").json()
        assert made["url"] == f"https://desk.example.com/answer?token={made['token']}"
