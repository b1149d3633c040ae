"""The filter of system calls, as a program of the kernel: made once in a process, and loaded by each launcher."""

from __future__ import annotations

import errno
import os
import tempfile
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

MISSING_PACKAGE = 'pyseccomp is missing: pip install "backdesk[tools]"'
MISSING_LIBRARY = "libseccomp.so.2 is missing: install it (Debian and Ubuntu: apt install libseccomp2)"
CALLS = Path(__file__).with_name("syscalls.toml")
_THREAD = 0x0001_0000
#: Flags of `clone` that make namespaces; those of cgroups and of time among them.
_NAMESPACES = 0x7E02_0080
_AF_UNIX, _SOCK_STREAM, _SOCKET_TYPES = 1, 1, 0xF


class Unusable(Exception):
    """A level cannot be had here; the message says why, and what to do."""


@cache
def filter_program() -> bytes:
    """Return the filter. Raises Unusable where it cannot be made."""
    try:
        import pyseccomp  # type: ignore[import-untyped] # noqa: PLC0415 - it loads a library, which may be missing
    except ImportError:
        raise Unusable(MISSING_PACKAGE) from None
    except RuntimeError:  # what it raises without libseccomp
        raise Unusable(MISSING_LIBRARY) from None
    try:
        return _made(pyseccomp)
    except OSError as error:
        raise Unusable(f"libseccomp makes no filter: {error}") from None


def _made(seccomp: Any) -> bytes:
    # Unknown, not forbidden: the C library goes another way then, as from `clone3` to `clone`.
    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.ENOSYS))
    forbidden, arg = seccomp.ERRNO(errno.EPERM), seccomp.Arg

    def add(action: int, name: str, *conditions: Any) -> None:
        if (number := seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)) >= 0:  # the machine has it
            rules.add_rule(action, number, *conditions)

    listed = tomllib.loads(CALLS.read_text("utf-8"))
    for name in listed["allowed"].split():
        add(seccomp.ALLOW, name)
    for name in listed["refused"].split():
        add(forbidden, name)
    for each in listed["allowed_with"]:
        for value in each["values"]:
            add(seccomp.ALLOW, each["call"], arg(each["argument"], seccomp.EQ, value))
    # Threads of this process, in its own namespaces; no process.
    add(seccomp.ALLOW, "clone", arg(0, seccomp.MASKED_EQ, _THREAD | _NAMESPACES, _THREAD))
    add(forbidden, "clone", arg(0, seccomp.MASKED_EQ, _THREAD, 0))
    # Two ends within the process, as event loops have. One that takes addresses could send to sockets of others.
    stream = arg(1, seccomp.MASKED_EQ, _SOCKET_TYPES, _SOCK_STREAM)
    add(seccomp.ALLOW, "socketpair", arg(0, seccomp.EQ, _AF_UNIX), stream)
    return _exported(rules)


def _exported(rules: Any) -> bytes:
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
