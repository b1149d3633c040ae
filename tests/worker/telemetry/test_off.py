"""Where nothing is told, nothing of OpenTelemetry is loaded by us, and it need not be installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from backdesk.worker.settings import load_settings
from tests.support.workers import environment

#: redis-py 8.1 loads the interface of OpenTelemetry wherever that is installed; these it does not.
OURS = ("backdesk.worker.telemetry.spans", "backdesk.worker.telemetry.export", "opentelemetry.exporter")
LOADED = f"import sys; print(*[name for name in sys.modules if name.startswith({OURS!r})])"
#: As where the extra is not installed.
MISSING = "import sys; sys.modules['opentelemetry'] = None"
CLIENT = "from backdesk.client import JobClient; JobClient('redis://127.0.0.1:1').close()"
PROGRAMS = {
    "client": CLIENT,
    "worker": "import backdesk.worker.app",
    "gateway": "from backdesk.gateway.app import create_app; create_app()",
    "begun": "from backdesk.worker.settings import load_settings\nfrom backdesk.worker.telemetry import tracing\n"
    "tracing.begin(load_settings(), 'none'); assert tracing.tracing() is None; tracing.end()",
}


def output(*program: str, **env: str) -> str:
    command = [sys.executable, "-c", "\n".join(program)]
    env = environment(load_settings(_env_file=None), **env)
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_what_tells_by_opentelemetry_is_not_loaded_unless_it_is_wanted(program: str) -> None:
    assert output(program, LOADED) == ""


@pytest.mark.parametrize("program", [CLIENT, PROGRAMS["begun"]], ids=["client", "begun"])
def test_it_need_not_be_installed_unless_it_is_wanted(program: str) -> None:
    assert output(MISSING, program, "print('well')") == "well"


def test_a_client_loads_no_exporter_as_its_program_has_one_of_its_own() -> None:
    assert output(CLIENT, LOADED, BACKDESK_OTEL="1") == "backdesk.worker.telemetry.spans"


def refused(*program: str, **env: str) -> str:
    """The setting that is refused, and why."""
    guarded = "\n    ".join(["try:", "from backdesk.worker.errors import ConfigurationError", *program])
    return output(guarded, "except ConfigurationError as error: print(error)", BACKDESK_OTEL="1", **env)


def test_where_it_is_wanted_and_not_installed_the_error_says_what_to_install() -> None:
    assert "backdesk[otel]" in refused("import sys", "sys.modules['opentelemetry'] = None", CLIENT)


def test_a_variable_of_opentelemetry_that_is_wrong_is_refused_with_the_reason() -> None:
    begin = "from backdesk.worker.telemetry import tracing; tracing.begin(load_settings(), 'none')"
    program = ("from backdesk.worker.settings import load_settings", begin)
    reason = refused(*program, OTEL_BSP_MAX_QUEUE_SIZE="3")
    assert reason.startswith("OTEL_")
    assert "max_queue_size" in reason
