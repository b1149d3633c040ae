"""One run of Python in isolation: what it is given, and what is taken of what it leaves."""

from __future__ import annotations

import os
import signal
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError

from backdesk.tools.code import runner
from backdesk.tools.code.settings import CodeSettings
from backdesk.tools.isolation.folder import read_file
from backdesk.tools.isolation.launch import Ended
from backdesk.tools.isolation.program import Program, SandboxLimits
from backdesk.worker.text.json import NotJson, decode, encode

OUTPUT_BYTES = 20_000
#: A report is a result and an error, as JSON.
_MOST_REPORT = 2 * runner.MOST_BYTES
#: How deep a result may be is what fits where it goes to: into a job's result, and from there into others.
_AROUND = 10
_ZONES = Path("/usr/share/zoneinfo")


class Report(BaseModel):
    """What the code says of itself."""

    result: JsonValue = None
    error: str | None = None


def python(settings: CodeSettings, seconds: float) -> Program:
    """Return the interpreter that runs the code of a folder."""
    limits = SandboxLimits(
        seconds=seconds, cpu_seconds=max(1, round(seconds)), memory_mb=settings.memory_mb, output_bytes=OUTPUT_BYTES
    )
    source = Path(runner.__file__).read_text("utf-8")
    argv = ["python", "-I", "-S", "-B", "-X", "utf8", "-c", source, *map(str, settings.packages)]
    return Program(
        Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable))),
        argv,
        reads=_standard_library(),
        packages=settings.packages,
        writable=True,
        environment={"HOME": ".", "TMPDIR": "."},
        limits=limits,
    )


@cache
def _standard_library() -> tuple[Path, ...]:
    return tuple(dict.fromkeys(path for path in _library_paths() if path.exists()))


def _library_paths() -> Iterator[Path]:
    for name in ("stdlib", "platstdlib"):
        yield Path(sysconfig.get_path(name))
    for name in ("INSTSONAME", "LDLIBRARY"):
        if library := sysconfig.get_config_var(name):
            yield Path(sysconfig.get_config_var("LIBDIR"), library)
    yield _ZONES


def reported(folder: Path, ended: Ended) -> Report:
    """Return what the code has reported; where it has not, or not as it should, an error that says what happened."""
    if ended.stopped:
        return Report(error=_STOPPED[ended.stopped])
    said = read_file(folder, runner.REPORT, _MOST_REPORT)
    if not said:
        return Report(error=_ending(ended.exit_code))
    try:
        report = Report.model_validate(decode(said))
        encode(_wrapped(report.result))
    except (NotJson, ValidationError, ValueError):
        return Report(error="the result is no JSON that could be passed on: it is too deep, or is not what it says")
    if report.error is None and ended.exit_code:
        return report.model_copy(update={"error": _ending(ended.exit_code)})
    return report


_STOPPED = {
    "time": "it took longer than it may, and was stopped",
    "cpu": "it used more CPU than it may, and was stopped",
    "output": "it printed more than it may, and was stopped",
    "threads": "it had more threads than it may, and was stopped",
    "folder": "it wrote more than its folder may hold, and was stopped",
}


def _ending(code: int) -> str:
    if code < 0:
        return f"it was ended by {_signal(-code)}, without a result"
    return f"it ended with status {code}, without a result" + (": out of memory?" if code == 120 else "")


def _signal(number: int) -> str:
    known = {each.value: each.name for each in signal.Signals}
    return known.get(number, f"signal {number}")


def _wrapped(value: Any) -> Any:
    for _ in range(_AROUND):
        value = [value]
    return value
