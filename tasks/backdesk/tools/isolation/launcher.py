"""Starts a program in isolation, watches over it, and tells how it ended: `backdesk.tools.isolation.start` runs it.

    python -I -S launcher.py

The first line of standard input is the plan, as JSON. The input stays open as long as somebody wants the program: at
its end, or when the parent is gone, the program is killed. Standard output is the program's, for both of its streams;
standard error gets one line of JSON, which is the report. Only the standard library is used, and one thread: between a
fork and an exec of a worker, which has many, nothing of this could be done safely.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import struct
import sys
import time
from contextlib import suppress
from typing import Any

#: The status of a process, and what it took.
Ended = tuple[int, Any]

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 24, 28, 36, 38
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
#: Root gets no capability by an exec, and nobody can have that otherwise: NOROOT, NO_SETUID_FIXUP, both locked.
NO_ROOT = 0b1111
_CAPABILITY_VERSION_3 = 0x20080522
_RESTRICT_SELF = 446
#: How often the parent is looked for. Seconds.
LOOK_S = 0.1
#: How long a wrapper may take to tell what its program took. Seconds.
TELL_S = 0.5


def main() -> int:
    control = sys.stdin.fileno()
    plan = json.loads(_line_of(control))
    fcntl.fcntl(2, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    if LINUX:
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
    wake, woken = os.pipe()
    for end in (wake, woken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    began, me = time.monotonic(), os.getpid()
    child = os.fork()
    if not child:
        _become(plan, me)
    os.close(1)  # who reads the output sees its end with the program's
    stopped, ended = _watch(child, plan, control, wake)
    status, cpu_seconds, memory = _end(child, ended)
    report = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "stopped": stopped,
        "seconds": round(time.monotonic() - began, 4),
        "cpu_seconds": round(cpu_seconds, 4),
        "memory_mb": round(memory / (1024 if LINUX else 1024**2), 1),
    }
    os.write(2, json.dumps(report).encode() + b"\n")
    return 0


def _line_of(control: int) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(control, 65_536)
        if not piece:
            sys.exit("the plan is cut off")
        line += piece
    return bytes(line)


def _watch(child: int, plan: dict[str, Any], control: int, wake: int) -> tuple[str | None, Ended | None]:
    """Wait for the end of the program; return why it must be stopped if it must, else how it ended."""
    ends, owner = time.monotonic() + plan["seconds"], plan["owner"]
    while (ended := _ended(child)) is None:
        left = ends - time.monotonic()
        if left <= 0:
            return "time", None
        if _threads(child) > plan["threads"]:
            return "threads", None
        ready, _, _ = select.select([control, wake], [], [], min(left, LOOK_S))
        if control in ready or os.getppid() != owner:
            return "owner", None
        if wake in ready:
            os.read(wake, 512)
    return None, ended


def _ended(child: int) -> Ended | None:
    pid, status, used = os.wait4(child, os.WNOHANG)
    return (status, used) if pid else None


def _end(child: int, ended: Ended | None) -> tuple[int, float, int]:
    """Kill what is left of it, whatever session it has made; return its status, the CPU it took, and its most memory.

    What a wrapper has started and did not wait for counts as well.
    """
    if ended is None and (leaves := _leaves(child)) != [child]:
        # A wrapper knows what its program took once that has ended; together with its own end that is lost.
        for each in leaves:
            _kill(each)
        ended = _wait(child, TELL_S)
    if ended is None:
        _kill(child)
        ended = os.wait4(child, 0)[1:]
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
    status, used = ended
    uses = [used]
    while descendants := _children(os.getpid()):
        for each in descendants:
            _kill(each)
            uses.append(os.wait4(each, 0)[2])
    return status, sum(each.ru_utime + each.ru_stime for each in uses), max(each.ru_maxrss for each in uses)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _wait(child: int, within_s: float) -> Ended | None:
    ends = time.monotonic() + within_s
    while (ended := _ended(child)) is None and time.monotonic() < ends:
        time.sleep(0.005)
    return ended


def _leaves(pid: int) -> list[int]:
    """Return the processes below one that have none below them; it, if there are none."""
    return [leaf for each in _children(pid) for leaf in _leaves(each)] or [pid]


def _threads(pid: int) -> int:
    """Return how many threads the processes below one have, or itself if there are none; 0 where that is not known."""
    with suppress(OSError):
        return sum(os.stat(f"/proc/{each}/task").st_nlink - 2 for each in _leaves(pid))  # noqa: PTH116 - as below
    return 0


def _children(pid: int) -> list[int]:
    """Return the processes of which one is the parent, or has become it; none where that cannot be told."""
    with suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:  # noqa: PTH123 - pathlib takes as long to load as all else here
        return [int(pid) for pid in children.read().split()]
    return []


def _become(plan: dict[str, Any], parent: int) -> None:
    """Confine this process, and become the program. Never returns."""
    report = os.dup(2)
    try:
        os.setsid()
        os.fchdir(plan["folder"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(1, 2)
        # Not in force before the identity is another: too many processes of that one would keep it from an exec.
        limits = [(getattr(resource, name), limit) for name, limit in plan["limits"].items()]
        own = [each for each in limits if each[0] == resource.RLIMIT_NPROC]
        for limit, most in limits:
            if limit != resource.RLIMIT_NPROC:
                _limit(limit, most)
        _drop(plan)
        for limit, most in own:
            _limit(limit, most)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        signal.alarm(int(plan["seconds"]) + 2)  # where nothing tells it that its parent has died
        _confine(plan, parent)
        os.execve(plan["program"], plan["argv"], plan["env"])  # noqa: S606 - there is no shell, which is the point
    except BaseException as error:  # noqa: BLE001 - there is nobody above it
        os.write(report, json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode() + b"\n")
    os._exit(127)


def _limit(limit: int, most: int) -> None:
    _, hard = resource.getrlimit(limit)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    # The kernel kills at the hard limit of CPU whatever the program does at the soft one.
    hard = most + 1 if limit == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else most
    try:
        resource.setrlimit(limit, (most, hard))
    except (ValueError, OSError):
        if LINUX:  # other systems know fewer limits, and say that they know them
            raise


def _drop(plan: dict[str, Any]) -> None:
    """Become somebody who may do nothing."""
    os.umask(0o077)
    if os.geteuid() != 0:
        return
    if LINUX and plan["drop"]:
        for capability in range(64):
            if _libc().prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
                break  # the last one is behind, or this process may not
    if plan["uid"] is not None:
        os.setgroups([])
        os.setresgid(plan["uid"], plan["uid"], plan["uid"]) if LINUX else os.setgid(plan["uid"])
        os.setresuid(plan["uid"], plan["uid"], plan["uid"]) if LINUX else os.setuid(plan["uid"])
    elif LINUX and plan["drop"]:
        _libc().prctl(PR_SET_SECUREBITS, NO_ROOT, 0, 0, 0)  # fails where the capability for it is missing: no matter
        _without_capabilities()


def _confine(plan: dict[str, Any], parent: int) -> None:
    ruleset, folder, seccomp = plan["ruleset"], plan["folder"], bytes.fromhex(plan["seccomp"])
    if not LINUX:
        return _close_all_but_the_report()
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise ProcessLookupError("the launcher is gone")
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    if plan["wrapped"]:  # bubblewrap makes the namespaces, and has the filter in force from the program's first step
        _hand_over(folder, seccomp)
        return None
    if ruleset is not None and _libc().syscall(_RESTRICT_SELF, ruleset, 0):
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    _close_all_but_the_report()
    if seccomp:
        _filter(seccomp)
    return None


def _close_all_but_the_report() -> None:
    for fd in range(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0] + 64):
        with suppress(OSError):
            os.set_inheritable(fd, False)


def _hand_over(folder: int, seccomp: bytes) -> None:
    """Leave bubblewrap its filter as file 3."""
    filled = os.memfd_create("filter", 0)
    os.write(filled, seccomp)
    os.lseek(filled, 0, os.SEEK_SET)
    _close_all_but_the_report()
    os.dup2(filled, 3) if filled != 3 else os.set_inheritable(3, True)
    if folder != 3:
        os.close(folder)


def _filter(seccomp: bytes) -> None:
    program = ctypes.create_string_buffer(seccomp, len(seccomp))
    header = struct.pack("HxxxxxxP", len(seccomp) // 8, ctypes.addressof(program))
    if _libc().prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def _without_capabilities() -> None:
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    if _libc().capset(ctypes.c_char_p(header), ctypes.c_char_p(bytes(24))):
        raise OSError(ctypes.get_errno(), "capset")


def _prctl(option: int, value: int) -> None:
    if _libc().prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


if __name__ == "__main__":
    sys.exit(main())
