"""What `backdesk doctor` and `health --deep` find of tools that are declared in code, with addresses of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from backdesk.cli.commands.examinations import Finding, Level
from backdesk.cli.commands.tool_findings import ELSEWHERE
from backdesk.platform.dependency import Dependency
from backdesk.platform.tool_settings import without_secrets
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.settings import Settings

if TYPE_CHECKING:
    from backdesk.agents.declared import Declared

_CHECK = "tools of agents"


def declared(settings: Settings) -> Sequence[Declared] | Finding:
    """Return what the tools of agents depend on, by the task modules; a finding where these cannot be loaded."""
    try:
        # By its name: the command line does without the library of agents.
        declared_in = import_module("backdesk.agents.declared").declared_in
        found: Sequence[Declared] = declared_in(settings.task_modules)
    except ImportError as error:
        return Finding(_CHECK, Level.WARN, f"the task modules cannot be loaded here: {error}", ELSEWHERE)
    except ConfigurationError as error:
        return Finding(_CHECK, Level.FAIL, str(error), "correct what it names; workers do not start with it")
    except Exception as error:  # noqa: BLE001 - of somebody's module
        told = without_secrets(f"the task modules cannot be loaded: {type(error).__name__}: {error}", ())
        return Finding(_CHECK, Level.FAIL, told, "mend the module; workers do not start with it")
    return found


def examine_declared(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each dependency of a tool of an agent: where it is, and what is missing here. Asks nobody."""
    found = declared(settings)
    if isinstance(found, Finding):
        yield found
        return
    for each in found:
        yield _look(f"{each.title}: {each.dependency.name}", each.dependency)


def _look(check: str, dependency: Dependency) -> Finding:
    try:
        told = dependency.look() if dependency.look else "declared"
        return Finding(check, Level.OK, without_secrets(told, dependency.secrets()))
    except ConfigurationError as error:
        return Finding(check, Level.FAIL, str(error), "correct what it names; calls of the tool fail until then")
