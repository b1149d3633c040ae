"""What a worker with all kinds loads when it starts: what declares them, and nothing that only their jobs use."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

START = """
import sys
import backdesk.worker.app
from backdesk.agents.kind import prepare
from backdesk.worker.attempt.registry import REGISTRY
prepare()
for spec in REGISTRY.values():
    spec.contract
print(len(REGISTRY), *sys.modules)
"""
LIBRARIES = (
    "cryptography.hazmat",
    "duckdb",
    "email.headerregistry",
    "feedparser",
    "obstore",
    "pint",
    "py_landlock",
    "pyseccomp",
    "simpleeval",
    "sqlglot",
    "trafilatura",
    "typst",
    "xlsxwriter",
)
WORK = (
    "backdesk.kinds.code.running",
    "backdesk.kinds.export.files",
    "backdesk.kinds.export.writing",
    "backdesk.kinds.features.warehouse.embedded",
    "backdesk.kinds.features.warehouse.http",
    "backdesk.kinds.query.answering",
    "backdesk.kinds.research.document",
    "backdesk.kinds.research.passages",
    "backdesk.kinds.research.reading",
    "backdesk.kinds.research.rendering",
    "backdesk.kinds.research.report",
    "backdesk.kinds.research.writing",
    "backdesk.kinds.route.forecast",
    "backdesk.service.channels",
    "backdesk.tools.batch.running",
    "backdesk.tools.calculation.parser",
    "backdesk.tools.command.tool",
    "backdesk.tools.database.tool",
    "backdesk.tools.http.tool",
    "backdesk.tools.isolation.launch",
    "backdesk.tools.query.process",
    "backdesk.tools.web.tools",
    "backdesk.worker.blobs.store",
    "backdesk.worker.model.tenancy",
)


@pytest.fixture(scope="module")
def loaded() -> frozenset[str]:
    environment = {name: value for name, value in os.environ.items() if name != "BACKDESK_TASK_MODULES"}
    done = subprocess.run([sys.executable, "-c", START], env=environment, capture_output=True, text=True, check=True)
    count, *modules = done.stdout.split()
    assert int(count) > 20
    return frozenset(modules)


@pytest.mark.parametrize("name", [*LIBRARIES, *WORK])
def test_what_only_jobs_use_is_not_loaded_at_the_start(loaded: frozenset[str], name: str) -> None:
    assert find_spec(name) is not None  # it has no other name by now
    assert name not in loaded
