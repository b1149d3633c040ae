"""The parts of the drill that decide what it deals and what it measures."""

from __future__ import annotations

import itertools
import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from redis.exceptions import NoPermissionError, ReadOnlyError

from tests.chaos.deployment import Deployment
from tests.chaos.evidence import by_wall
from tests.chaos.hand import Dealt, Hand
from tests.chaos.orders import MIX, orders
from tests.chaos.plan import DEMOTED_S, FROZEN_REDIS_S, Fault, FaultKind, plan
from tests.chaos.post import Post
from tests.chaos.program import PASSWORD, USER
from tests.chaos.recovery import Times, recoveries
from tests.chaos.script import Doomed, Move, expected
from tests.chaos.server import FORGETFUL, Server
from tests.chaos.test_checks import NOON, clean
from tests.chaos.witness import Witness, born, lives
from tests.support.eventually import eventually
from tests.support.proxy import Proxy


def test_the_same_seed_gives_the_same_faults_and_the_same_work() -> None:
    assert plan(7, 60, 2.0) == plan(7, 60, 2.0) != plan(8, 60, 2.0)
    assert orders(7, 60, 50, MIX) == orders(7, 60, 50, MIX) != orders(8, 60, 50, MIX)


def test_five_minutes_kill_over_two_hundred_workers_and_use_every_fault() -> None:
    dealt = Counter(fault.kind for fault in plan(1, 300, 2.0))
    assert dealt[FaultKind.KILL_WORKER] + dealt[FaultKind.KILL_CHILD] >= 200
    forgetful = Counter(fault.kind for fault in plan(1, 300, 2.0, forgetful=True))
    assert dealt.keys() | forgetful.keys() == {*FaultKind}
    assert forgetful[FaultKind.FORGET_REDIS] > 20 > forgetful[FaultKind.FAIL_OVER] == 0


@pytest.mark.parametrize("seed", range(20))
def test_what_is_frozen_is_frozen_for_longer_than_a_lease_and_redis_faults_do_not_overlap(seed: int) -> None:
    faults = plan(seed, 300, 2.0)
    assert all(fault.seconds > 2.0 for fault in faults if fault.kind is FaultKind.FREEZE_WORKER)
    of_redis = [fault for fault in faults if "Redis" in fault.kind]
    longest = max(FROZEN_REDIS_S[1], DEMOTED_S[1])
    assert all(later.at_s - one.at_s > longest for one, later in itertools.pairwise(of_redis))


def test_all_sorts_of_work_are_ordered() -> None:
    labels = Counter(order.label for order in orders(1, 300, 500, MIX))
    assert len(labels) == len(MIX)
    assert len({order.job_id for order in orders(1, 300, 500, MIX)}) == 500


def test_a_script_adds_up_and_a_doomed_one_has_no_result() -> None:
    child = [Move(do="step", key="s", value=5)]
    moves = [Move(do="step", key="a", value=1), Move(do="call", key="c", children=[child, child])]
    assert expected(moves).total == 11
    with pytest.raises(Doomed):
        expected([*moves, Move(do="doom", key="d")])


def test_times_are_those_of_all_values() -> None:
    assert Times.of([]) is None
    assert Times.of([float(n) for n in range(1, 101)]) == Times(100, 50.5, 95.0, 100.0)


def test_recovery_is_measured_from_the_kill_to_the_next_start_of_the_job_that_it_cost_its_worker() -> None:
    evidence = clean()
    job = evidence.jobs["p"]
    at = {5: 2.0, 6: 3.5}  # taken back, begun again
    events = [event.model_copy(update={"at": NOON + timedelta(seconds=at.get(event.seq, 0))}) for event in job.events]
    evidence = replace(evidence, jobs={**evidence.jobs, "p": replace(job, events=events)})
    kill = Dealt(NOON.timestamp() + 1, FaultKind.KILL_WORKER, "agents-1", frozenset({10}))
    (recovery,) = recoveries(evidence, [kill])
    assert (recovery.job_id, recovery.seconds, recovery.noticed_s, recovery.calm) == ("p", 2.5, 1.0, True)
    assert recoveries(evidence, [replace(kill, pids=frozenset({99}))]) == []
    outage = Dealt(NOON.timestamp() + 2, FaultKind.KILL_REDIS, "redis")
    assert [each.calm for each in recoveries(evidence, [kill, outage])] == [False]


def test_a_server_is_succeeded_by_one_that_has_all_its_writes_and_stays_behind_as_a_replica(tmp_path: Path) -> None:
    server = Server(tmp_path)
    with closing(server), redis.Redis.from_url(_as_user(server.start().url)) as before:
        before.set("kept", "1")
        server.fail_over()
        with redis.Redis.from_url(_as_user(server.url)) as after:
            assert after.get("kept") == b"1"
            assert after.set("new", "2")
        with pytest.raises(ReadOnlyError):
            before.set("lost", "3")
        with pytest.raises(NoPermissionError):
            before.config_get("maxmemory")


def _as_user(url: str) -> str:
    return url.replace("redis://", f"redis://{USER}:{PASSWORD}@")


def test_a_forgetful_server_loses_what_it_has_answered_since_its_last_visit_to_the_disk(tmp_path: Path) -> None:
    server = Server(tmp_path, FORGETFUL)
    with closing(server), redis.Redis.from_url(server.start().url) as client:
        answered: list[int] = []

        def count() -> None:
            with suppress(redis.RedisError):
                while True:
                    answered.append(client.incr("n"))

        counting = threading.Thread(target=count)
        counting.start()
        eventually(lambda: len(answered) > 100)
        try:
            server.forget(0.3)
        except RuntimeError:
            server.kill()
            pytest.skip("this server cannot be asked what is on its disk")
        finally:
            counting.join()
        assert 100 < int(client.get("n") or 0) < answered[-1]


def test_events_are_told_by_the_clock_of_the_wall_however_the_one_of_redis_was_set() -> None:
    clock = [(0.0, 0.0), (100.0, 9.0), (200.0, 18.0)]
    told = {50.0: 50.0, 99.0: 99.0, 109.0: 100.0, 208.0: 199.0, 218.5: 200.5}
    assert {at: by_wall(at, clock) for at in told} == told


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    with closing(Witness(tmp_path / "w.sqlite").create()) as witness:
        yield witness


def test_the_witness_counts_what_is_asked_for_twice(witness: Witness) -> None:
    for _ in range(2):
        witness.enter("key", 3)
        witness.charge("job", "step", 1)
    assert [(entry.value, entry.times) for entry in witness.entries()] == [(3, 2)]
    assert len(witness.charges("job")) == 2
    assert [witness.hiccup("job", "key", 2) for _ in range(3)] == [True, True, False]
    run = witness.begin_run("job", "step", "pure", 1)
    assert witness.runs()[0].ended is None
    witness.end_run(run)
    assert witness.runs()[0].ended is not None


def test_a_process_is_told_from_a_dead_one_and_from_a_later_one_of_its_number() -> None:
    since = born(os.getpid())
    assert lives(os.getpid(), since)
    assert not lives(os.getpid(), since + 1)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    began = born(ended.pid)
    eventually(lambda: not lives(ended.pid, began), what="the end, before anybody has waited for it")
    ended.wait()
    assert not lives(ended.pid, began)


def test_a_post_is_manned_again_and_knows_who_left_unasked(tmp_path: Path) -> None:
    post = Post("p", [sys.executable, "-c", "import time; time.sleep(60)"], {}, tmp_path)
    post.keep_manned()
    first = post.pid
    post.kill()
    eventually(lambda: not post.alive)
    post.keep_manned()
    assert post.alive
    assert post.pid != first
    os.kill(post.pid, 9)  # by nobody of ours
    eventually(lambda: not post.alive)
    post.keep_manned()
    post.remove()
    assert [end.wanted for end in post.ends] == [True, False]


def test_what_a_frozen_worker_leaves_behind_is_thawed_when_it_is_replaced(tmp_path: Path) -> None:
    post = Post("p", [sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '60'])"], {}, tmp_path)
    post.keep_manned()
    eventually(lambda: len(post.children()) == 1, what="its child")
    (child,) = post.children()
    stat = Path(f"/proc/{child}/stat")
    try:
        post.freeze()
        eventually(lambda: ") T " in stat.read_text(), what="the frozen child")
        post.kill()
        eventually(lambda: not post.alive)
        post.keep_manned()
        eventually(lambda: ") T " not in stat.read_text(), what="the thawed child")
    finally:
        os.kill(child, 9)
        post.remove()


def test_a_child_is_killed_where_its_worker_is_ready_and_no_other_in_its_stead(tmp_path: Path) -> None:
    program = "import subprocess, sys; print(sys.argv[1], flush=True); subprocess.run(['sleep', '60'])"
    deployment = Deployment(tmp_path)
    for says in (" ready.", "not yet"):
        command = [sys.executable, "-c", program, says]
        deployment.posts.append(Post(says.strip(), command, {}, tmp_path, processes=1))
        deployment.posts[-1].keep_manned()
    try:
        eventually(lambda: all(len(post.children()) == 1 for post in deployment.posts), what="their children")
        faults = [Fault(0.0, FaultKind.KILL_CHILD, pick) for pick in (0.4, 0.9)]
        hand = Hand(deployment, faults, lambda _paused: None)
        hand.run(0.1, lambda _done_s: None)
    finally:
        for post in deployment.posts:
            post.remove()
    assert [dealt.whom for dealt in hand.dealt] == ["ready."]


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):
            while data := self.request.recv(99):
                self.request.sendall(data)


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says what it is told."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_half_open_connections_stay_silent_while_new_ones_work(echo: int) -> None:
    with Proxy(echo) as proxy:
        at = ("127.0.0.1", int(proxy.url.split(":")[2].split("/")[0]))
        with socket.create_connection(at, timeout=5) as old, socket.create_connection(at, timeout=5) as dead:
            for connection in (old, dead):
                connection.sendall(b"a")
                assert connection.recv(1) == b"a"
            assert proxy.strand_all() == 2
            with socket.create_connection(at, timeout=5) as new:
                new.sendall(b"c")
                assert new.recv(1) == b"c"
            old.sendall(b"b")
            old.settimeout(0.2)
            with pytest.raises(TimeoutError):
                old.recv(1)


def test_the_proxy_outlives_an_outage_of_what_is_behind_it(echo: int) -> None:
    with Proxy(echo) as proxy:
        at = ("127.0.0.1", int(proxy.url.split(":")[2].split("/")[0]))
        proxy._target_port = 1  # nobody listens there
        with socket.create_connection(at, timeout=5) as refused:
            assert refused.recv(1) == b""
        proxy._target_port = echo
        with socket.create_connection(at, timeout=5) as connection:
            connection.sendall(b"a")
            assert connection.recv(1) == b"a"
