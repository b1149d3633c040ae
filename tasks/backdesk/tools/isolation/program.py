"""A program that is to run in isolation: what it is made of, and what it may take."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: Where programs look for what they share, as the usual systems have it; of what is not there nothing is made.
_LIBRARIES = ("/lib64", "/usr/lib64", "/usr/lib/locale")
_FLAT = ("/lib", "/usr/lib")
_CACHE = "/etc/ld.so.cache"
#: Packages that are installed beside a language's own modules are none of these.
PACKAGES = frozenset({"site-packages", "dist-packages"})
#: The environment is this, whatever that of the worker is.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What a program may take. What goes beyond is refused to it, or ends it."""

    seconds: float = 5.0
    cpu_seconds: int = 5
    memory_mb: int = 256
    #: Threads at once. Each takes some of the kernel's memory, which is nobody's limit.
    threads: int = 256
    #: The largest file that it can write, and all of its folder.
    file_mb: int = 8
    folder_mb: int = 32
    folder_files: int = 500
    #: What is kept of what it says, and what it may say in all. Bytes.
    output_bytes: int = 64_000
    most_output_bytes: int = 8_000_000

    def of_process(self) -> dict[str, int]:
        """Return the limits that the kernel holds, by their names. One process: itself."""
        return {
            "RLIMIT_CPU": self.cpu_seconds,
            "RLIMIT_AS": self.memory_mb * 1024**2,
            "RLIMIT_FSIZE": self.file_mb * 1024**2,
            "RLIMIT_NOFILE": 64,
            "RLIMIT_STACK": 8 * 1024**2,
            "RLIMIT_CORE": 0,
            "RLIMIT_MEMLOCK": 0,
        }


@dataclass(frozen=True, slots=True)
class Program:
    """A program by its path, with its arguments; `argv[0]` is what it is called.

    It finds itself in its folder, and can read `reads` besides: files, and folders with all that is in them but for
    packages. `writable` says whether it may change what is in its folder.
    """

    path: Path
    argv: Sequence[str]
    reads: Sequence[Path] = ()
    #: Folders of packages that it may read whole.
    packages: Sequence[Path] = ()
    writable: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: SandboxLimits = SandboxLimits()

    @property
    def real(self) -> Path:
        """The file that is executed, which a link may name."""
        return Path(os.path.realpath(self.path))

    def libraries(self) -> list[Path]:
        """Return where the libraries of programs are on this machine, and what finds them."""
        multiarch = sysconfig.get_config_var("MULTIARCH")
        own = [Path(root, multiarch) for root in _FLAT] if multiarch else []
        found = [path for path in own if path.is_dir()] or [Path(path) for path in _FLAT]
        return [path for path in (*found, *map(Path, _LIBRARIES), Path(_CACHE)) if path.exists()]

    def readable_files(self) -> Iterator[Path]:
        """Yield what it can read, as folders and files without any package below them."""
        yield from self.libraries()
        yield from self.packages
        for path in self.reads:
            yield from (each for each in path.iterdir() if each.name not in PACKAGES) if path.is_dir() else [path]

    def loaders(self) -> Iterator[Path]:
        """Yield what loads programs with shared libraries: it is executed, too."""
        for folder in ("/lib64", "/lib", "/usr/lib64", "/usr/lib"):
            yield from Path(folder).glob("ld-*.so.*")

    def reachable_by_others(self) -> bool:
        """Whether it can be run by a user to whom nothing of it belongs."""
        paths = (self.real, *self.reads, *self.packages)
        return all(_reachable(path) for path in paths)


def _reachable(path: Path) -> bool:
    real = Path(os.path.realpath(path))
    return bool(real.stat().st_mode & 0o004) and all(each.stat().st_mode & 0o001 for each in real.parents)
