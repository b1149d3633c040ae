"""What comes of code that takes too much, ends oddly, or reports what it should not: always a result, and soon."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from backdesk.tools.code.run import Report, python, reported
from backdesk.tools.code.settings import CodeSettings
from backdesk.tools.isolation.folder import JobFolder
from backdesk.tools.isolation.launch import Level, run_at
from tests.support.isolated import levels_here, open_place
from tests.tools.code.test_attacks import given, of_each_isolating_level, of_each_level, run

BEST = levels_here()[-1]


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_place() as place:
        yield place / "work"


@of_each_level
async def test_an_endless_loop_is_stopped(level: Level, folder: Path) -> None:
    ended, report = await run(level, folder, "while True: pass", seconds=1.2)
    assert ended.stopped in {"time", "cpu"}  # whichever is looked at first where the machine has no time
    assert (report.error or "").endswith("than it may, and was stopped")
    assert ended.cpu_seconds > 0.02


@of_each_level
async def test_code_that_heeds_no_signal_is_stopped(level: Level, folder: Path) -> None:
    code = """
import signal, time
for each in range(1, 65):
    try: signal.signal(each, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.alarm(0)
while True:
    try: time.sleep(60)
    except BaseException: pass
"""
    began = time.monotonic()
    ended, _ = await run(level, folder, code, seconds=0.4)
    assert ended.stopped == "time"
    assert time.monotonic() - began < 5


async def test_too_much_cpu_is_stopped(folder: Path) -> None:
    given(folder, "while True: pass")
    program = python(CodeSettings(), 20)
    program = replace(program, limits=replace(program.limits, cpu_seconds=1))
    ended = await run_at(BEST, program, folder)
    assert ended.stopped == "cpu"
    assert reported(folder, ended) == Report(error="it used more CPU than it may, and was stopped")


@of_each_level
async def test_a_flood_of_output_is_stopped(level: Level, folder: Path) -> None:
    ended, report = await run(level, folder, "while True: print('x' * 10_000)", seconds=20)
    assert ended.stopped == "output"
    assert len(ended.output) == 20_000
    assert report.error == "it printed more than it may, and was stopped"


@of_each_level
async def test_memory_is_limited(level: Level, folder: Path) -> None:
    ended, report = await run(level, folder, "kept = []\nwhile True: kept.append(bytearray(10**7))")
    assert report.error is not None
    assert report.error.endswith("MemoryError")
    assert 60 < ended.memory_mb < 140


@of_each_isolating_level
async def test_threads_are_bounded_by_memory(level: Level, folder: Path) -> None:
    code = """
import threading
gate = threading.Event()
threads = 0
try:
    while True:
        threading.Thread(target=gate.wait).start()
        threads += 1
except RuntimeError: pass
gate.set()
threads
"""
    _, report = await run(level, folder, code)
    assert isinstance(report.result, int)
    assert 0 < report.result < 100


@of_each_level
async def test_too_many_threads_are_stopped(level: Level, folder: Path) -> None:
    code = """
import threading
threading.stack_size(32768)
while True: threading.Thread(target=threading.Event().wait).start()
"""
    ended, report = await run(level, folder, code, seconds=20)
    assert ended.stopped == "threads"
    assert report.error == "it had more threads than it may, and was stopped"


@of_each_level
async def test_code_that_is_ended_by_a_signal_without_a_name_has_an_end(level: Level, folder: Path) -> None:
    code = """
import ctypes, struct, time
libc, timer = ctypes.CDLL(None), ctypes.c_void_p()
libc.timer_create(1, struct.pack("qii48x", 0, 40, 0), ctypes.byref(timer))
libc.timer_settime(timer, 0, struct.pack("4q", 0, 0, 0, 1_000_000), None)
time.sleep(9)
"""
    _, report = await run(level, folder, code)
    assert report.error == "it was ended by signal 40, without a result"


@of_each_level
async def test_a_high_status_is_no_signal(level: Level, folder: Path) -> None:
    _, report = await run(level, folder, "import os\nos._exit(200)")
    assert report.error == "it ended with status 200, without a result"


@of_each_level
async def test_a_large_file_is_cut_off(level: Level, folder: Path) -> None:
    code = "with open('big', 'wb') as file:\n while True: file.write(bytes(10**6))"
    _, report = await run(level, folder, code)
    assert report.error is not None
    assert "File too large" in report.error
    assert (folder / "big").stat().st_size <= 8 * 1024**2


@pytest.mark.parametrize(
    "code",
    [
        "for n in range(100): open(f'file-{n}', 'wb').write(bytes(7 * 10**6)); import time; time.sleep(0.02)",
        "import itertools, time\nfor n in itertools.count(): open(f'file-{n}', 'w').close(); time.sleep(0.0001)",
        "import itertools, os, time\nfor n in itertools.count(): os.mkdir('d'); os.chdir('d'); time.sleep(0.0001)",
        "import os, time\nfor n in range(20): os.mkdir('d' * 250); os.chdir('d' * 250)\ntime.sleep(9)",
    ],
    ids=["bytes", "files", "depth", "too deep for a path"],
)
async def test_a_folder_that_grows_is_stopped_and_can_be_removed(folder: Path, code: str) -> None:
    job = JobFolder(folder.parent, "a", "1", "code", 1)
    ended, report = await run(BEST, job.make(), code, seconds=20)
    assert ended.stopped == "folder"
    assert report.error == "it wrote more than its folder may hold, and was stopped"
    job.remove()
    assert not job.path.exists()


_MANY = "x = []\nfor n in range(5000): x = [x]\n"


@pytest.mark.parametrize(
    ("code", "result", "error"),
    [
        ("1 + 1", 2, None),
        ("result = {'a': (1, 2)}", {"a": [1, 2]}, None),
        ("result = 1\nprint('x')", 1, None),
        ("x = 1", None, None),
        ("", None, None),
        ("# nothing", None, None),
        ("import sys\nresult = 3\nsys.exit(0)", 3, None),
        ("import sys\nsys.exit(3)", None, "SystemExit: 3"),
        ("import os\nos._exit(7)", None, "it ended with status 7, without a result"),
        ("{1, 2}", None, "the result is no JSON (TypeError: Object of type set is not JSON serializable)"),
        ("float('nan')", None, "the result is no JSON (ValueError: Out of range float values"),
        ("'x' * 300_000", None, "the result has 300002 bytes as JSON, the limit is 200000"),
        ("'\\ud800'", None, "the result is no JSON that could be passed on"),
        ("x = []\nfor n in range(60): x = [x]\nx", None, "the result is no JSON that could be passed on"),
        (_MANY + "x", None, "the result is no JSON (RecursionError"),
        ("x = []\nx.append(x)\nx", None, "the result is no JSON (ValueError: Circular reference"),
        ("10 ** 5000", None, "the result is no JSON (ValueError: Exceeds the limit"),
        ("1 +", None, "SyntaxError: invalid syntax"),
        ("x = '\0'", None, "source code string cannot contain null bytes"),
        ("def f(): f()\nf()", None, "RecursionError: maximum recursion depth exceeded"),
        ("raise ValueError('x' * 10_000)", None, "xxxx"),
        ("import json\njson.dumps = None\n1", None, "the result is no JSON"),
        ("import ctypes\nctypes.string_at(0)", None, "it was ended by SIGSEGV, without a result"),
        ("import os\nos.close(1)\nos.close(2)\n1", 1, None),
        ("import os\nos.closerange(0, 99)\n1", None, "without a result"),
        ("import os\nos.unlink('.report.json')\n1", None, "without a result"),
        ("import os\nos.unlink('.report.json')\nos.mkdir('.report.json')\n1", None, "without a result"),
        (
            "open('.report.json', 'w').write('[' * 100_000)\nimport os\nos._exit(0)",
            None,
            "no JSON that could be passed",
        ),
        ("open('.report.json', 'w').write('{}{}')\nimport os\nos._exit(0)", None, "no JSON that could be passed on"),
        ("open('.report.json', 'w').write('{\"error\": 1}')\nimport os\nos._exit(0)", None, "no JSON that could be"),
        ("print('said')\n'x'.upper()", "X", None),
        ("import pathlib\npathlib.Path('main.py').write_text('')\n5", 5, None),
    ],
)
async def test_a_run_has_a_result_or_an_error_however_it_ends(
    folder: Path, code: str, result: object, error: str | None
) -> None:
    _, report = await run(BEST, folder, code)
    assert report.result == result
    assert (report.error is None) == (error is None)
    assert (error or "") in (report.error or "")
    assert len(report.error or "") <= 4_000


async def test_an_error_shows_lines_of_the_code_alone(folder: Path) -> None:
    _, report = await run(BEST, folder, "import json\ndef read(text):\n    return json.loads(text)\nread('{')\n")
    assert report.error is not None
    lines = report.error.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert [line.strip() for line in lines if "File" in line] == [
        'File "main.py", line 4, in <module>',
        'File "main.py", line 3, in read',
    ]
    assert lines[-1].startswith("json.decoder.JSONDecodeError: ")


def processes_named(marker: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == marker:
                found.append(path.parent.name)
        except OSError:
            continue
    return found


@of_each_level
async def test_a_process_that_would_outlive_the_code_does_not(level: Level, folder: Path) -> None:
    """At the level of limits one of root may be made; it has no session and no parent of its own, and dies as well."""
    marker = f"d-{uuid4().hex[:12]}"
    code = f"""
import ctypes, os, time
def name(): ctypes.CDLL(None).prctl(15, b"{marker}", 0, 0, 0)
try:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            name()
            while True: time.sleep(1)
        os._exit(0)
except OSError: pass
time.sleep(0.2)
"done"
"""
    _, report = await run(level, folder, code)
    assert report == Report(result="done")
    assert processes_named(marker) == []


@of_each_level
async def test_a_bomb_of_processes_ends_with_its_time(level: Level, folder: Path) -> None:
    marker = f"b-{uuid4().hex[:12]}"
    code = f"""
import ctypes, os, time
ctypes.CDLL(None).prctl(15, b"{marker}", 0, 0, 0)
made = 0
while made < 50:
    try:
        if os.fork() == 0: time.sleep(60)
        made += 1
    except OSError: break
while made: time.sleep(1)
"""
    ended, _ = await run(level, folder, code, seconds=1)
    assert ended.seconds < 5
    assert processes_named(marker) == []


async def test_packages_are_imported_where_they_are_configured(folder: Path) -> None:
    packages = folder.parent / "site-packages"
    packages.mkdir()
    (packages / "sums.py").write_text("def twice(x): return 2 * x")
    code = "import sums\nsums.twice(2)"
    assert (await run(BEST, folder, code))[1].result is None
    (folder / ".report.json").unlink()
    assert (await run(BEST, folder, code, BACKDESK_CODE_PACKAGES=(packages,)))[1].result == 4  # type: ignore[arg-type]
