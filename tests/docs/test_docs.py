"""What the documents claim, run: the examples on real workers, the tables against the code."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from inspect import signature
from pathlib import Path

import pytest

from backdesk.cli import main
from backdesk.gateway.settings import PREFIX, GatewaySettings
from backdesk.platform.settings import TaskSettings
from backdesk.worker.failure import USUAL_SEVERITY
from backdesk.worker.model.events import EventType
from backdesk.worker.model.job import TRANSITIONS, JobState
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.settings import Settings
from backdesk.worker.store.keys import CHANNELS, Keys, named
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.gateway import serving
from tests.support.workers import ROOT, Fleet, environment

DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
README = (ROOT / "README.md").read_text()
#: Examples that are a page of their own rather than part of the README.
ELSEWHERE = {"enqueue_async.py", "typed.py", "subscribe.py", "decide.py", "dead_letters.py", "schedule.py"}
ELSEWHERE |= {"attach.py", "openai_background.py", "returns.py", "slip.py"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A deployment as the README describes it, with the example's own job added to its kinds."""
    folder = tmp_path_factory.mktemp("shop")
    for name in ("greet.py", "returns.py"):
        shutil.copy(EXAMPLES / name, folder)
    kinds = ("backdesk.kinds.support.kind", "backdesk.kinds.audit.kind", "tests.support.asking")
    modules = (*kinds, "greet", "returns")
    with Fleet(folder, task_modules=modules, data_dir=folder / "data") as fleet:
        fleet.start_worker("agents", slots=8, PYTHONPATH=f"{ROOT}:{folder}")
        yield fleet


def run(fleet: Fleet, script: Path, *arguments: str, **more: str) -> str:
    env = environment(fleet.settings, REDIS_URL=fleet.url, PYTHONWARNINGS="error", **more)
    command = [sys.executable, str(script), *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, cwd=script.parent, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def settings_table(names: str) -> dict[str, str]:
    rows = re.findall(rf"^\| `({names}_[A-Z_]+)` \|([^|]*)\|", (DOCS / "configuration.md").read_text(), re.MULTILINE)
    return {name: default.strip().strip("`") for name, default in rows}


def as_written(default: object) -> str:
    if isinstance(default, tuple):
        return ",".join(default)
    if isinstance(default, float) and default.is_integer():
        return str(int(default))
    return "" if default is None else str(default)


@pytest.mark.parametrize("name", sorted({path.name for path in EXAMPLES.glob("*.py")} - ELSEWHERE))
def test_the_readme_shows_each_example_as_it_is_run(name: str) -> None:
    assert f"```python\n{(EXAMPLES / name).read_text()}```" in README


def test_the_example_of_the_client_prints_every_event_and_the_answer(shop: Fleet) -> None:
    lines = run(shop, EXAMPLES / "enqueue.py").splitlines()
    assert lines[0].startswith("1 queued")
    assert [int(line.split()[0]) for line in lines[:-1]] == list(range(1, len(lines)))
    assert lines[-2].split()[1] == "succeeded"
    assert "10003" in lines[-1]


def test_the_example_of_the_asyncio_client_prints_the_answer(shop: Fleet) -> None:
    assert "10001" in run(shop, EXAMPLES / "enqueue_async.py").splitlines()[-1]


def test_the_example_of_plain_celery_prints_the_answer_of_a_job_with_its_task_id(shop: Fleet) -> None:
    job, answer = run(shop, EXAMPLES / "plain_celery.py").splitlines()
    record = shop.jobs.get(job.removeprefix("job "))
    assert record.state == JobState.SUCCEEDED
    assert record.result["answer"] == answer


def test_the_example_of_a_plain_subscriber_sees_the_job_to_its_end(shop: Fleet) -> None:
    job_id = "followed-with-plain-redis"
    channel = f"backdesk:progress:{job_id}"
    printed: list[str] = []
    reader = threading.Thread(target=lambda: printed.append(run(shop, EXAMPLES / "subscribe.py", job_id)))
    reader.start()
    eventually(lambda: dict(shop.redis.pubsub_numsub(channel))[channel.encode()], what="the subscription")
    shop.jobs.submit("support.request", {"message": "Where is order 10007?", "customer_id": "cust-7"}, job_id=job_id)
    reader.join(30)
    kinds = [line.split()[1] for line in printed[0].splitlines()]
    assert (kinds[0], kinds[-1]) == ("queued", "succeeded")
    assert "token" in kinds


def test_the_example_of_a_job_of_ones_own_can_be_asked_for(shop: Fleet) -> None:
    assert shop.jobs.submit("demo.greet", {"name": "Ada"}).result(timeout=PATIENCE_S) == {"text": "Hello, Ada!"}


def test_the_example_with_types_prints_the_answer(shop: Fleet) -> None:
    assert "10001" in run(shop, EXAMPLES / "typed.py")


def test_the_page_of_attachments_shows_its_example_as_it_is_run() -> None:
    assert f"```python\n{(EXAMPLES / 'attach.py').read_text()}```" in (DOCS / "attachments.md").read_text()


def test_the_example_with_a_file_prints_the_answer(shop: Fleet) -> None:
    assert "cannot look at what is attached" in run(shop, EXAMPLES / "attach.py")


@pytest.mark.parametrize("name", ["returns.py", "slip.py"])
def test_the_page_of_structured_answers_shows_its_examples_as_they_are_run(name: str) -> None:
    assert f"```python\n{(EXAMPLES / name).read_text()}```" in (DOCS / "structured_answers.md").read_text()


def test_the_example_of_a_structured_answer_prints_its_fields(shop: Fleet) -> None:
    assert run(shop, EXAMPLES / "slip.py") == "10003 10003 hums, it goes back\n"


def test_the_page_of_openai_shows_its_example_as_it_is_run(shop: Fleet) -> None:
    script = EXAMPLES / "openai_background.py"
    assert f"```python\n{script.read_text()}```" in (DOCS / "openai.md").read_text()
    with serving(shop.settings) as url:
        first, *_ = run(shop, script, OPENAI_BASE_URL=f"{url}/v1", OPENAI_API_KEY="none").splitlines()
    assert first.startswith("completed ")


@pytest.mark.parametrize("name", ["decide.py", "dead_letters.py", "typed.py"])
def test_the_page_of_producers_shows_these_examples_as_they_are_run(name: str) -> None:
    assert f"```python\n{(EXAMPLES / name).read_text()}```" in (DOCS / "producers.md").read_text()


def test_the_example_of_deciding_approves_what_is_small(shop: Fleet) -> None:
    job = shop.jobs.submit("test.approval", {"text": "order 10003"})
    eventually(lambda: shop.board.state(job.id) == "waiting", what="the approval to be asked for")
    assert run(shop, EXAMPLES / "decide.py") == f"approved {job.id} May order 10003 be refunded?\n"
    assert job.result(timeout=PATIENCE_S) == {"value": [True, "small-sums", "at most 20.00"]}


def test_the_example_of_dead_letters_does_them_again(shop: Fleet) -> None:
    job = shop.jobs.submit("test.busy", {"n": 99}, retry={"attempts": 1})
    eventually(lambda: job.get().done, what="the failure")
    again, forgotten = run(shop, EXAMPLES / "dead_letters.py").splitlines()
    assert again == f"{job.id} is now {job.get().replayed_as}"
    assert forgotten == "forgotten: 0"


def test_the_page_of_schedules_shows_its_example_as_it_is_run() -> None:
    assert f"```python\n{(EXAMPLES / 'schedule.py').read_text()}```" in (DOCS / "schedules.md").read_text()


def test_the_example_of_a_schedule_keeps_one(shop: Fleet) -> None:
    told = run(shop, EXAMPLES / "schedule.py")
    record = shop.jobs.schedules.get("morning-audit")
    assert told == f"morning-audit fires next at {record.next_at}\n"
    assert (record.cron, record.timezone) == ("0 9 * * MON-FRI", "Europe/Berlin")


@pytest.mark.parametrize(
    "page",
    [
        "producers.md",
        "operations.md",
        "schedules.md",
        "tenants.md",
        "conversations.md",
        "quality.md",
        "analytics.md",
        "attachments.md",
        "briefing.md",
        "access.md",
    ],
)
def test_every_command_that_a_page_shows_is_understood(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKDESK_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr("backdesk.client.blocking.connection.PAUSE_S", 0)  # between attempts at what is not there
    for name in ("mended.json", "audits.jsonl"):
        (tmp_path / name).write_text("{}")
    jobs = ("submit", "watch", "show", "list", "cancel", "approve", "deny", "answer", "resolve", "dead", "schedules")
    asking = (
        *jobs,
        "conversations",
        "tenants",
        "limits",
        "breakers",
        "top",
        "maintenance",
        "reviews",
        "stats",
        "series",
        "keys",
        "audit",
    )
    lines = re.findall(r"^\$ backdesk (.+)$", (DOCS / page).read_text(), re.MULTILINE)
    for words in [shlex.split(line) for line in lines if line.startswith(asking)]:
        assert main(words) == 3, f"{words}: {capsys.readouterr().err}"  # understood, and then no Redis to ask


def test_the_configuration_page_lists_every_setting_of_the_engine_with_its_default() -> None:
    listed = settings_table("BACKDESK")
    expected = {f"BACKDESK_{name.upper()}": as_written(f.default) for name, f in Settings.model_fields.items()}
    assert expected.items() <= listed.items()


def test_the_configuration_page_lists_every_setting_of_the_gateway_with_its_default() -> None:
    listed = settings_table("BACKDESK")
    fields = GatewaySettings.model_fields.items()
    expected = {str(each.validation_alias or PREFIX + name.upper()): as_written(each.default) for name, each in fields}
    assert expected.items() <= listed.items()


def test_the_configuration_page_lists_every_setting_of_the_tasks() -> None:
    listed = settings_table("BACKDESK") | settings_table("OPENAI")
    assert {str(field.validation_alias) for field in TaskSettings.model_fields.values()} <= listed.keys()


def test_the_example_environment_names_only_settings_that_exist() -> None:
    named = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    compose_only = {"BACKDESK_REDIS_PORT", "BACKDESK_GATEWAY_PUBLISHED_PORT", "BACKDESK_FLOWER_PORT"}
    known = {f"BACKDESK_{name.upper()}" for name in Settings.model_fields}
    known |= {str(field.validation_alias) for field in TaskSettings.model_fields.values()}
    assert named <= known | compose_only


def test_the_page_of_events_names_every_type() -> None:
    page = (DOCS / "events.md").read_text()
    assert [kind for kind in EventType if f"`{kind}`" not in page] == []


def test_the_page_of_events_names_the_dictionaries_that_there_are() -> None:
    named = re.findall(r"`([\w-]+\.dictionary)`", (DOCS / "events.md").read_text())
    assert sorted(named) == sorted(path.name for path in ROOT.glob("worker/backdesk/worker/text/*.dictionary"))


def test_the_page_of_the_architecture_names_every_key() -> None:
    page, unnamed = (DOCS / "architecture.md").read_text(), []
    for name in named().keys() - CHANNELS:
        key = getattr(Keys("p"), name)
        built = key if isinstance(key, str) else key(*["X"] * len(signature(key).parameters))
        prefix, _, rest = built.partition(":")
        if prefix == "p" and not re.search(rf"`{rest.partition(':')[0]}[`:]", page):
            unnamed.append(name)
    assert unnamed == []


def test_the_page_of_the_life_cycle_draws_every_transition_that_happens() -> None:
    page = (DOCS / "lifecycle.md").read_text()
    drawn = {tuple(pair) for pair in re.findall(r"^    (\w+) --> (\w+)", page, re.MULTILINE)}
    assert drawn <= {(str(a), str(b)) for a, targets in TRANSITIONS.items() for b in targets}
    assert [state for state in JobState if f"`{state}`" not in page] == []


def test_the_page_of_errors_has_every_category_as_the_code_has_it() -> None:
    page = (DOCS / "errors.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (yes|no) \|$", page, re.MULTILINE)
    retried = RetryPolicy().categories
    assert rows == [(*pair, "yes" if pair[0] in retried else "no") for pair in USUAL_SEVERITY.items()]


def test_every_link_between_the_documents_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
