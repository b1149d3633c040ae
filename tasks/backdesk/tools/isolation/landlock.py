"""The rules of Landlock, as a file that a launcher puts itself under.

Rules are made in the worker, of files that it has opened: the launcher needs no library, and no path can be exchanged
in between.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from backdesk.tools.isolation.program import Program
from backdesk.tools.isolation.seccomp import Unusable

#: Since Linux 6.2: before it, Landlock does not keep files from being cut off.
LEAST_ABI = 3
NETWORK_ABI, SCOPE_ABI = 4, 6
MISSING = 'py-landlock is missing: pip install "backdesk[tools]"'


def abi_version() -> int:
    """Return the version of Landlock's interface here. Raises Unusable when there is none that holds."""
    try:
        import py_landlock as landlock  # noqa: PLC0415 - an extra, loaded where it is used
    except ImportError:
        raise Unusable(MISSING) from None
    try:
        version = int(landlock.get_abi_version())
    except landlock.LandlockError as error:
        raise Unusable(f"the kernel has no Landlock: {error}") from None
    if version < LEAST_ABI:
        raise Unusable(f"the kernel's Landlock has ABI {version}, and {LEAST_ABI} is needed (Linux 6.2)")
    return version


@contextmanager
def ruleset_for(program: Program, folder: int) -> Iterator[int]:
    """Make the rules that let a program at its folder and what it is made of, and at nothing else. Raises Unusable."""
    import py_landlock as landlock  # noqa: PLC0415 - as above

    version = abi_version()
    files, known = landlock.AccessFs, landlock.abi.ABIVersion(version)
    read = files.READ_FILE | files.READ_DIR
    write = read | files.WRITE_FILE | files.TRUNCATE | files.MAKE_REG | files.MAKE_DIR
    write |= files.REMOVE_FILE | files.REMOVE_DIR | files.REFER  # within the folder, where all rights are the same
    rules = landlock.RulesetAttr(
        handled_access_fs=landlock.abi.get_supported_fs(known),
        handled_access_net=landlock.abi.get_supported_net(known) if version >= NETWORK_ABI else 0,
        scoped=landlock.abi.get_supported_scope(known) if version >= SCOPE_ABI else 0,
    )
    try:
        made = landlock.create_ruleset(rules)
    except landlock.LandlockError as error:
        raise Unusable(str(error)) from None
    try:
        _allow(made, folder, write if program.writable else read)
        for path in program.readable_files():
            _allow_path(made, path, read)
        for path in program.reads:
            if path.is_dir():  # languages list the folders of their modules; packages among them stay closed
                _allow_path(made, path, files.READ_DIR)
        for path in (program.real, *program.loaders()):
            _allow_path(made, path, files.READ_FILE | files.EXECUTE)
        _allow_path(made, Path(os.devnull), files.READ_FILE | files.WRITE_FILE)
        yield made
    finally:
        os.close(made)


def _allow_path(ruleset: int, path: Path, access: int) -> None:
    from py_landlock import AccessFs  # noqa: PLC0415 - as above

    with suppress(FileNotFoundError), closing(_Opened(path)) as opened:
        _allow(ruleset, opened.fd, access if path.is_dir() else access & ~AccessFs.READ_DIR)


def _allow(ruleset: int, fd: int, access: int) -> None:
    import py_landlock as landlock  # noqa: PLC0415 - as above

    landlock.add_rule(landlock.RulesetFd(ruleset), landlock.PathBeneathAttr(allowed_access=access, parent_fd=fd))


class _Opened:
    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_PATH | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self.fd)
