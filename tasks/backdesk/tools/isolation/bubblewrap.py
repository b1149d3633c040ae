"""The command by which bubblewrap starts a program: in namespaces of its own, with nothing mounted but its needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from backdesk.tools.isolation.program import PACKAGES, Program

MISSING = "there is no bwrap on PATH (Debian and Ubuntu: apt install bubblewrap)"
#: Where the program's folder is for it.
FOLDER = "/work"
#: By which number bubblewrap finds the filter of system calls: the launcher sees to it.
FILTER = "3"
_NOBODY = "65534"


def find() -> Path | None:
    """Return the program, None where there is none."""
    found = shutil.which("bwrap")
    return Path(found).resolve() if found else None


def command(bwrap: Path, program: Program, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Return the command."""
    # By its own name, as some programs do what they are called.
    mounts = ["--ro-bind", str(program.real), str(program.path)]
    mounts += [each for path in _readable(program) for each in ("--ro-bind", str(path), str(path))]
    hidden = [each for path in _hidden(program) for each in ("--tmpfs", str(path))]
    packages = [each for path in program.packages for each in ("--ro-bind", str(path), str(path))]
    bind = "--bind" if program.writable else "--ro-bind"
    variables = [each for name, value in environment.items() for each in ("--setenv", name, value)]
    return [
        str(bwrap),
        *("--unshare-user", "--unshare-all", "--uid", _NOBODY, "--gid", _NOBODY, "--cap-drop", "ALL"),
        *("--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv"),
        *variables,
        *mounts,
        *hidden,
        *packages,
        *("--dev-bind", "/dev/null", "/dev/null", "--dev-bind", "/dev/urandom", "/dev/urandom"),
        *(bind, str(folder), FOLDER, "--chdir", FOLDER, "--remount-ro", "/", "--seccomp", FILTER),
        *("--", str(program.path), *program.argv[1:]),
    ]


def _readable(program: Program) -> Iterator[Path]:
    libraries = program.libraries()
    yield from libraries
    yield from (each for each in program.loaders() if each.parent not in libraries)
    yield from program.reads


def _hidden(program: Program) -> Iterator[Path]:
    for path in program.reads:
        yield from (path / name for name in sorted(PACKAGES) if (path / name).is_dir())
