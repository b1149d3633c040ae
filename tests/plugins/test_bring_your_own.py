"""The page on agents of one's own: its example, run."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.openai_simulator import OpenAISimulator, Text, call
from tests.support.workers import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "bring_your_own" / "parcels_help.py"
RUN = """
import runpy, sys
from backdesk.testing import Bench, sandbox
runpy.run_path(sys.argv[1])
with Bench() as bench, sandbox():
    job = bench.run("parcels.help", {"message": "Where is parcel 17?"})
    print(job.asks[0].facts)
    print(bench.approve(job).result.answer)
"""
PAGE = (ROOT / "docs" / "bring_your_own_agent.md").read_text()


def test_the_page_shows_parts_of_the_example() -> None:
    tool = EXAMPLE.read_text().split("\n\n\n")[1]
    assert f"```python\n{tool}\n```" in PAGE


def test_the_example_answers_asks_people_and_goes_on() -> None:
    with OpenAISimulator().running() as provider:
        provider.will(call("look_up_parcel", number=17), call("send_again", number=17), Text("It is sent again."))
        env = {**os.environ, "OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": provider.url}
        run = [sys.executable, "-c", RUN, str(EXAMPLE)]
        done = subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["{'tool': 'send_again', 'args': {'number': 17}}", "It is sent again."], (
        done.stderr
    )
