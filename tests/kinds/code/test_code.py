"""Runs of code as jobs: off by default, with files in and out, made again after a crash."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import backdesk.kinds.code.kind  # noqa: F401 - registers the kind
from backdesk.agents import Agent, AgentRequest, AgentResult, Call, Reply, Say, Situation, agent_task, answer
from backdesk.platform.deployment import deployment
from backdesk.platform.tool_settings import settings_of
from backdesk.testing import Bench, BenchJob, sandbox, scripted
from backdesk.tools import code_tool
from backdesk.tools.isolation.folder import JobFolder
from backdesk.tools.isolation.levels import level_in_words
from backdesk.worker import TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.errors import InvalidRequest

CSV = b"city,sales\nOslo,3\nRome,4\n"
SUM = """
import csv
rows = list(csv.DictReader(open("sales.csv")))
open("total.csv", "w").write(f"total\\n{sum(int(row['sales']) for row in rows)}\\n")
{"rows": len(rows)}
"""


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("BACKDESK_CODE_TOOL", "1")
    settings_of.cache_clear()
    monkeypatch.delitem(REGISTRY, "code.clerk", raising=False)
    clerk = Agent("clerk", "You compute.", tools=(code_tool(),))

    @agent_task("code.clerk")
    async def work(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        return await answer(ctx, clerk, request)

    with Bench() as bench, sandbox():
        yield bench
    settings_of.cache_clear()
    REGISTRY.pop("code.clerk", None)


def run(bench: Bench, code: str, tenant: str = "default", **files: bytes) -> BenchJob:
    names = {name.replace("_", "."): data for name, data in files.items()}
    given = [{"id": bench.attach(data, name, tenant=tenant).id, "name": name} for name, data in names.items()]
    return bench.run("code.run", {"code": code, "files": given}, tenant=tenant)


def test_code_is_run_with_its_files_and_what_it_makes_is_kept(bench: Bench) -> None:
    job = run(bench, SUM, sales_csv=CSV)
    result = job.result
    assert (result.result, result.error, result.stopped, result.left_out) == ({"rows": 2}, None, None, [])
    assert result.level == level_in_words()
    assert [(file.name, file.size) for file in result.files] == [("total.csv", 8)]
    again = run(bench, "open('again.csv').read()", again_csv=b"total\n7\n")
    assert result.files[0].id == bench.attach(b"total\n7\n", "total.csv").id
    assert again.result.result == "total\n7\n"
    assert result.seconds > 0
    assert 5 < result.memory_mb < 100


def test_code_is_not_run_unless_it_is_switched_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BACKDESK_CODE_TOOL")
    settings_of.cache_clear()
    job = run(bench, "open('made', 'w')")
    assert (job.state, job.record.attempt) == ("failed", 1)
    assert job.error is not None
    assert (job.error.code, job.error.message) == ("code_off", "Code is not run here: BACKDESK_CODE_TOOL is off.")
    assert not (deployment().settings.data_dir / "sandbox").exists()


def test_an_agent_is_refused_where_it_is_switched_off(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_CODE_TOOL", "0")
    settings_of.cache_clear()
    assert ask(bench, "1 + 1") == {"refused": "Code is not run here: BACKDESK_CODE_TOOL is off."}


def ask(bench: Bench, code: str, *attachments: Any) -> Any:
    with scripted(Call("run_python", {"code": code}), Say("Done.")) as model:
        job = bench.run("code.clerk", {"message": "Compute.", "attachments": list(attachments)})
    assert job.result.answer == "Done."
    return model.requests[1].replies_of("run_python")[0].data


def test_an_agent_runs_code_on_the_files_of_a_message(bench: Bench) -> None:
    found = ask(bench, SUM, bench.attach(CSV, "sales.csv"))
    assert found["result"] == {"rows": 2}
    assert [file["name"] for file in found["files"]] == ["total.csv"]


def test_an_error_of_the_code_is_for_the_agent_to_mend(bench: Bench) -> None:
    with scripted(Call("run_python", {"code": "1 / 0"}), Call("run_python", {"code": "1 / 1"}), Say("Done.")):
        job = bench.run("code.clerk", {"message": "Compute."})
    summaries = [call.summary for call in job.tool_calls]
    assert summaries[0] is not None
    assert summaries[1] is not None
    assert summaries[0].startswith("ZeroDivisionError: division by zero, ")
    assert summaries[1].startswith("done, ")


def test_calls_of_one_reply_have_a_run_each(bench: Bench) -> None:
    calls = tuple(Call("run_python", {"code": f"{number} * 2"}) for number in range(3))
    with scripted(calls, Say("Done.")) as model:
        bench.run("code.clerk", {"message": "Compute."})
    assert [reply.data["result"] for reply in model.requests[1].replies_of("run_python")] == [0, 2, 4]


def test_files_of_another_tenant_are_not_there(bench: Bench) -> None:
    foreign = bench.attach(CSV, "sales.csv", tenant="acme")
    files = [{"id": foreign.id, "name": "sales.csv"}]
    job = bench.run("code.run", {"code": "1", "files": files}, tenant="other")
    assert job.error is not None
    assert job.error.code == "attachment_unknown"


def test_links_and_foreign_types_are_not_kept(bench: Bench) -> None:
    code = """
import os
for name, data in (("zero", bytes(9)), ("empty.txt", b""), ("fine.txt", b"fine"), ("odd\\nname.txt", b"odd")):
    open(name, "wb").write(data)
try: os.symlink("/etc/passwd", "link.txt")
except OSError: pass
os.mkdir("below"); open("below/deep.txt", "w").write("deep")
"""
    result = run(bench, code).result
    assert [file.name for file in result.files] == ["below/deep.txt", "fine.txt", "odd_name.txt"]
    assert [each.partition(":")[0] for each in result.left_out] == ["empty.txt", "zero"]


def test_a_file_that_is_left_as_it_was_is_not_listed(bench: Bench) -> None:
    assert run(bench, "open('sales.csv').read()", sales_csv=CSV).result.files == []
    changed = run(bench, "open('sales.csv', 'a').write('Bern,5\\n')", sales_csv=CSV).result
    assert [file.name for file in changed.files] == ["sales.csv"]


def test_files_beyond_the_most_are_left_out_and_told(bench: Bench) -> None:
    result = run(bench, "for n in range(25): open(f'{n:02}.txt', 'w').write(str(n))").result
    assert len(result.files) == 20
    assert len(result.left_out) == 5


@pytest.mark.parametrize("name", ["../x", "a/b", ".report.json", "-x", "", "main.py\n", "x" * 200])
def test_a_file_is_given_by_a_name_and_no_path(bench: Bench, name: str) -> None:
    data = bench.attach(CSV)
    with pytest.raises(InvalidRequest, match="files"):
        bench.run("code.run", {"code": "1", "files": [{"id": data.id, "name": name}]})


def test_code_is_asked_no_longer_than_the_settings_allow(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_CODE_SECONDS", "0.5")
    settings_of.cache_clear()
    job = bench.run("code.run", {"code": "import time; time.sleep(60)", "seconds": 50})
    assert (job.result.stopped, job.result.seconds < 5) == ("time", True)
    assert job.of("progress")[0]["message"] == "runs since 0 s, at most 0.5 s"


def test_a_run_leaves_no_folder(bench: Bench) -> None:
    run(bench, SUM, sales_csv=CSV)
    assert list((deployment().settings.data_dir / "sandbox").glob("*/*")) == []


def test_the_kind_loads_no_agent_library_and_none_of_isolation() -> None:
    program = "import sys, backdesk.kinds.code.kind; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pydantic_ai", "openai", "py_landlock", "pyseccomp"} & set(loaded)


def test_what_is_left_of_lost_attempts_is_removed_in_time(bench: Bench) -> None:
    data = deployment().settings.data_dir
    left = JobFolder(data, "default", "lost", "code", 1)
    os.utime(left.make(), (1_000, 1_000))
    run(bench, "1")
    assert not left.path.exists()


def test_what_it_took_is_measured(bench: Bench) -> None:
    usage = run(bench, "sum(range(10**6))").record.usage
    assert usage is not None
    assert usage.measures["code_cpu_seconds"] > 0


def test_a_run_is_made_again_after_a_crash_at_any_write(bench: Bench) -> None:
    def rule(situation: Situation) -> Reply:
        if not situation.replies:
            return (Call("run_python", {"code": SUM}),)
        return Say(f"{situation.replies[-1].data['result']['rows']} rows")

    sales = bench.attach(CSV, "sales.csv")
    for after in itertools.count():
        with scripted(rule=rule):
            job = bench.submit("code.clerk", {"message": "Compute.", "attachments": [sales]})
            died = bench.lose(job, after=after)
            bench.go_on(job)
        assert job.result.answer == "2 rows"
        assert len(job.children) == 1
        if not died:
            break
    for after in itertools.count():
        given = [{"id": sales.id, "name": "sales.csv"}]
        job = bench.submit("code.run", {"code": SUM, "files": given})
        died = bench.lose(job, after=after)
        bench.go_on(job)
        assert job.result.result == {"rows": 2}
        assert [file.name for file in job.result.files] == ["total.csv"]
        if not died:
            break
