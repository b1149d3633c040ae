"""The blocking client, written from the asyncio one: each file of `client/aio/` becomes one of `client/blocking/`.

The two differ in the words below and in nothing else, so that no method is written twice. `make generate` writes;
with `--check` nothing is written, and the exit code is 1 when a file is not what would be written.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).parents[1] / "producers" / "backdesk" / "client"
SOURCE, TARGET = CLIENT / "aio", CLIENT / "blocking"

#: What is said of an event loop, and what is said of a thread; applied in this order.
WORDS = (
    (r"backdesk\.client\.(channels\.)?aio\b", r"backdesk.client.\1blocking"),
    (r"\bredis\.asyncio\b", "redis"),
    (r"\bfrom asyncio import sleep(, to_thread)?\b", "from time import sleep"),
    (r"\bto_thread\(([\w.]+)(?:, )?", r"\1("),
    (r"\bAwaitable\[(T|bool|tuple\[list\[JobEvent\], bool\])\]", r"\1"),
    (r"\bAwaitable, ", ""),
    (r"\b(async|await) ", ""),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\b__a(?=enter__|exit__|iter__)", "__"),
    (r"\ba(?=close\(|closing\b|read\(|iter_lines\()", ""),
    (r"\b(connect|run|run_pipelined)_async\b", r"\1"),
)
#: What the asyncio room says of itself is not true of the other.
INIT = '''"""The blocking client. Generated from `backdesk.client.aio` by `make generate`: change it there."""
'''


def blocking(text: str) -> str:
    """Return the text of the asyncio client as that of the blocking one."""
    for pattern, replacement in WORDS:
        text = re.sub(pattern, replacement, text)
    title, rest = text.split('"""\n', 1)
    return f'{title}"""\n\n# Generated from `backdesk.client.aio` by `make generate`: change it there.\n{rest}'


def formatted(text: str) -> str:
    """Return Python with its imports sorted and its lines wrapped as everywhere here."""
    name = ["--stdin-filename", str(TARGET / "any.py"), "-"]
    ours = ["--config", 'lint.isort.known-first-party = ["backdesk"]']  # also where the clients stand alone
    for command in (["check", "--quiet", "--select", "I", "--fix", *ours], ["format", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *name], input=text, capture_output=True, text=True, check=True
        )
        text = done.stdout
    return text


def written() -> dict[Path, str]:
    """Return what every file of the blocking client is to hold."""
    files = {TARGET / path.name: path.read_text() for path in sorted(SOURCE.glob("*.py"))}
    return {path: INIT if path.name == "__init__.py" else formatted(blocking(text)) for path, text in files.items()}


def main(*, check: bool) -> int:
    """Write the files, or compare them; returns the exit code."""
    wanted = written()
    surplus = set(TARGET.glob("*.py")) - wanted.keys()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if check:
        for path in sorted({*stale, *surplus}):
            sys.stderr.write(f"{path} is not what client/aio says: run `make generate`\n")
        return int(bool(stale or surplus))
    for path in surplus:
        path.unlink()
    for path in stale:
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
