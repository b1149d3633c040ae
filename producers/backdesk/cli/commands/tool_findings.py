"""What the doctor finds of the settings of tools and kinds: all of them, with what is secret masked."""

from __future__ import annotations

import json
from collections.abc import Iterator

from backdesk.cli.commands.examinations import Finding, Level
from backdesk.kinds.settings_index import NotLoaded, all_settings
from backdesk.platform.tool_settings import ShownSetting, ToolSettings, read, shown
from backdesk.worker.errors import ConfigurationError

ELSEWHERE = 'ask where workers run, or pip install "backdesk[worker]" here'
#: Characters of a value that are shown to people.
MOST_SHOWN = 60


def examine_tools() -> Iterator[Finding]:
    """Yield a finding for each class of settings, by the environment of this command."""
    for kind in all_settings():
        yield not_loaded(kind) if isinstance(kind, NotLoaded) else _of(kind)


def not_loaded(found: NotLoaded) -> Finding:
    """Return the finding of settings that are not known here."""
    return Finding(found.folder, Level.WARN, f"its settings are not known here: {found.reason}", ELSEWHERE)


def title_of(kind: type[ToolSettings]) -> str:
    """Return whose settings these are."""
    return kind.title or kind.__name__


def _of(kind: type[ToolSettings]) -> Finding:
    try:
        settings = [*shown(read(kind))]
    except ConfigurationError as error:
        return Finding(title_of(kind), Level.FAIL, str(error), "correct the variable; its jobs fail with it")
    detail = ", ".join(map(_in_words, settings)) or "has no settings"
    return Finding(title_of(kind), Level.OK, detail, settings=settings)


def _in_words(setting: ShownSetting) -> str:
    if setting.value in (None, ""):
        return f"{setting.name} not set"
    value = setting.value if isinstance(setting.value, str) else json.dumps(setting.value, ensure_ascii=False)
    value = f"{value[: MOST_SHOWN - 1]}…" if len(value) > MOST_SHOWN else value
    return f"{setting.name}={value}" if setting.given else f"{setting.name} {value} by default"
