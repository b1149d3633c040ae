"""The agents' library is loaded before the first job: what it loads on the event loop would hold up all others.

The client of a model is not loaded with the kinds, which workers of other queues know too; nor, before or with the
first request, what neither an agent nor its model has a use for.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.openai_simulator import OpenAISimulator, Received, Reply, Text, call
from tests.support.workers import ROOT

FIRST_REQUEST = """
import asyncio, sys
import backdesk.kinds.support.kind
from tests.kinds.support.asking import ask
from tests.support.recording import Recording
from backdesk.agents.kind import prepare

assert "openai" not in sys.modules
prepare()
loaded = set(sys.modules)
unused = {"openai.types.beta", "openai.types.responses.response", "genai_prices.data", "sqlalchemy.dialects.postgresql"}
print(*unused & loaded)
asyncio.run(ask("My lamp broke", sink=Recording(watched=True)))
print(*sorted(set(sys.modules) - loaded))
"""


def technical(received: Received) -> Reply:
    return (
        Text("Turn it off and on.") if "hand_over" in received.called else call("hand_over", to="technical", reason="?")
    )


def test_the_first_request_after_a_rehearsal_finds_its_libraries_loaded(
    provider: OpenAISimulator, tmp_path: Path
) -> None:
    provider.rule = technical
    env = os.environ | {"PYTHONPATH": str(ROOT), "BACKDESK_DATA_DIR": str(tmp_path), "OPENAI_BASE_URL": provider.url}
    command = [sys.executable, "-c", FIRST_REQUEST]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    unused, later = done.stdout.splitlines()
    assert unused == ""
    late = [
        name
        for name in later.split()
        if name.startswith(("openai", "pydantic_ai", "anyio", "genai_prices", "textblob", "nltk"))
    ]
    assert late == []
    assert len(provider.requests) == 2
