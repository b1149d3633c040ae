"""The page on agents of one's own: its examples, run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.openai_simulator import OpenAISimulator, Text, call
from tests.support.workers import ROOT

EXAMPLES = ROOT / "docs" / "examples" / "bring_your_own"
PAGE = (ROOT / "docs" / "bring_your_own_agent.md").read_text()
RUN = """
import runpy, sys
from backdesk.testing import Bench, sandbox
runpy.run_path(sys.argv[1])
with Bench() as bench, sandbox():
    job = bench.run("parcels.help", {"message": "Where is parcel 17?"})
    print(job.asks[0].prompt, job.asks[0].facts["args"])
    print(bench.approve(job).result.answer)
"""
#: The SDK speaks the other API by default, which the simulator does not.
CHAT = "import agents; agents.set_default_openai_api('chat_completions'); agents.set_tracing_disabled(disabled=True)\n"


def test_the_page_shows_parts_of_the_example() -> None:
    tool = (EXAMPLES / "parcels_help.py").read_text().split("\n\n\n")[1]
    assert f"```python\n{tool}\n```" in PAGE


@pytest.mark.parametrize(("example", "before"), [("parcels_help.py", ""), ("parcels_openai.py", CHAT)])
def test_each_example_answers_asks_people_and_goes_on(example: str, before: str) -> None:
    with OpenAISimulator().running() as provider:
        provider.will(call("look_up_parcel", number=17), call("send_again", number=17), Text("It is sent again."))
        done = _run(before + RUN, EXAMPLES / example, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=provider.url)
    prompt, answer = done.stdout.splitlines()
    assert prompt.startswith("Call send_again? ")
    assert "17" in prompt
    assert answer == "It is sent again."


def _run(script: str, example: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, str(example)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done
