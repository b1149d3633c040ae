"""Runs the steps of the Dockerfile, as they stand there, where there is neither a container engine nor a registry.

Each stage begins as a bare Debian with the Python of the base image, made by debootstrap. At the end the image's own
command is started as the image's own user, and a worker that runs a job. Needs root and debootstrap.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import string
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from backdesk.client import JobClient
from backdesk.worker.embedded.server import EmbeddedRedis

ROOT = Path(__file__).parents[1]
SUITE = "bookworm"
#: What the base image has: `python` and `pip` for everybody's use, and certificates.
PACKAGES = "python3,python3-venv,python3-pip,python-is-python3,ca-certificates"
#: How this machine reaches its package index goes along into the steps, and stays out of the image.
NETWORK = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_", "http_proxy", "https_proxy", "no_proxy")
START_WITHIN_S = 120
QUESTION = ("--message", "Where is my order 10001?", "--customer-id", "cust-1", "--wait", "--json")


class Stage:
    """One stage of the image: a folder that is its root, and what the instructions so far have set."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root"}
        self.folder = "/"
        self.user = "0"
        self.command: dict[str, list[str]] = {"ENTRYPOINT": [], "CMD": []}

    def set(self, words: str) -> None:
        for assignment in shlex.split(words):
            name, _, value = assignment.partition("=")
            self.env[name] = string.Template(value).substitute(self.env)

    def enter(self, folder: str) -> None:
        self.folder = folder
        self.inside(folder).mkdir(parents=True, exist_ok=True)

    def inside(self, path: str) -> Path:
        return self.root / str(Path(self.folder, path)).lstrip("/")

    def words(self, command: list[str]) -> list[str]:
        enter = 'cd "$0" && exec "$@"'
        return ["chroot", f"--userspec={self.user}", str(self.root), "/bin/sh", "-c", enter, self.folder, *command]

    def run(self, command: list[str], **env: str) -> str:
        """Run a command to its end, as the stage's user; what it prints is returned, its errors are shown."""
        done = subprocess.run(
            self.words(command), env={**self.env, **env}, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout


class Image:
    """The stages of a Dockerfile, built one instruction after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._base = folder / "base"
        self._stages: dict[str, Stage] = {}
        self.stage = Stage(self._base)

    def build(self) -> Stage:
        """Carry out the Dockerfile and return its last stage. Raises ValueError for an instruction not known here."""
        _make_base(self._base)
        for line in (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                print(f"--- {' '.join(line.split())}", flush=True)
                self._carry_out(*line.split(maxsplit=1))
        return self.stage

    def _carry_out(self, instruction: str, words: str) -> None:
        match instruction:
            case "FROM":
                self._begin(words)
            case "ENV":
                self.stage.set(words)
            case "WORKDIR":
                self.stage.enter(words)
            case "COPY":
                self._copy(words.split())
            case "RUN":
                print(self.stage.run(["/bin/sh", "-c", words], **_network()), flush=True)
            case "USER":
                self.stage.user = words
            case "ENTRYPOINT" | "CMD":
                self.stage.command[instruction] = json.loads(words)
            case "VOLUME":
                pass
            case _:
                raise ValueError(f"{instruction} is not known to {Path(__file__).name}: teach it")

    def _begin(self, words: str) -> None:
        version = re.match(r"python:([0-9.]+)", words)
        root = self._folder / f"stage{len(self._stages)}"
        _copy_tree(self._base, root)
        self.stage = Stage(root)
        if version is None or f"Python {version[1]}." not in self.stage.run(["python", "--version"]):
            raise ValueError(f"{words} has another Python than Debian's {SUITE}")
        self._stages[words.rpartition(" AS ")[2]] = self.stage

    def _copy(self, words: list[str]) -> None:
        *options, source, target = words
        if options:
            stage = self._stages[options[0].removeprefix("--from=")]
            _copy_tree(stage.inside(source), self.stage.inside(target))
        else:
            _copy_context(source, self.stage.inside(target))


def _make_base(root: Path) -> None:
    mirror = [os.environ["MIRROR"]] if "MIRROR" in os.environ else []
    include = f"--include={PACKAGES}"
    subprocess.run(
        ["debootstrap", "--variant=minbase", include, SUITE, str(root), *mirror], check=True, stdout=subprocess.DEVNULL
    )
    # Debian's Python asks not to be installed into; that of the image has no such owner.
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    for file in ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt"):
        with suppress(FileNotFoundError):
            shutil.copy(file, root / file.lstrip("/"))


def _copy_tree(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def _copy_context(source: str, target: Path) -> None:
    """Copy what `.dockerignore` lets the builder see."""
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    for file in (ROOT / source).rglob("*"):
        if file.is_file() and _is_sent(file.relative_to(ROOT), patterns):
            place = target / file.relative_to(ROOT / source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)


def _is_sent(file: Path, patterns: list[str]) -> bool:
    paths = [str(path) for path in (file, *file.parents)]
    matching = [pattern for pattern in patterns if any(_matches(path, pattern.lstrip("!")) for path in paths)]
    return not matching or matching[-1].startswith("!")


def _matches(path: str, pattern: str) -> bool:
    anywhere = pattern.removeprefix("**/")
    return fnmatch.fnmatch(path if anywhere == pattern else Path(path).name, anywhere)


def _network() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(NETWORK)}


def start(image: Stage) -> None:
    """Start the image's own command, then a worker that runs a job; raises for whatever does not end well."""
    backdesk = image.command["ENTRYPOINT"]
    print(image.run([*backdesk, *image.command["CMD"]]))
    with EmbeddedRedis() as redis, JobClient(redis.url) as client:
        support = {"BACKDESK_TASK_MODULES": "backdesk.kinds.support.kind", "BACKDESK_SAMPLES": "1"}
        env = {"BACKDESK_REDIS_URL": redis.url, **support}
        worker = subprocess.Popen(image.words([*backdesk, "worker", "agents"]), env={**image.env, **env})
        try:
            began = time.monotonic()
            _await_kinds(client, worker)
            job = json.loads(image.run([*backdesk, "submit", "support.request", *QUESTION], **env))
            print(f"a job {job['state']} after {time.monotonic() - began:.1f} s, as user {_user_of(worker.pid)}")
            if job["state"] != "succeeded":
                raise SystemExit(json.dumps(job))
        finally:
            worker.terminate()
            worker.wait(timeout=60)


def _await_kinds(client: JobClient, worker: subprocess.Popen[bytes]) -> None:
    """Wait until the worker has announced what it runs."""
    deadline = time.monotonic() + START_WITHIN_S
    while not client.kinds():
        if worker.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the worker has announced nothing within {START_WITHIN_S} s")
        time.sleep(0.1)


def _user_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def main() -> None:
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        sys.exit("this needs root and debootstrap (apt install debootstrap)")
    folder = Path(tempfile.mkdtemp(prefix="backdesk-image-"))
    try:
        start(Image(folder).build())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
