"""A TCP proxy in front of Redis that does what networks do."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass
class Link:
    """One connection of a caller, and ours to the server."""

    caller: socket.socket
    server: socket.socket
    #: Half-open: it stays, and nothing gets through any more.
    dead: bool = False


class Proxy:
    """Passes connections on to a port of this machine, until told to fail."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._links: list[Link] = []
        self._lock = threading.Lock()
        self._cut_at: bytes | None = None
        self._strand_at: bytes | None = None
        self._silent = False
        self._parted = False
        #: How often a connection was cut with its request delivered and its answer withheld.
        self.cuts = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def retarget(self, port: int) -> None:
        """Pass new connections on to another port; those that are open stay where they are, as behind a DNS name."""
        self._target_port = port

    def cut_after(self, command: bytes) -> None:
        """Deliver the next request that contains `command`, withhold its answer and close the connection. Once."""
        self._cut_at = command

    def fall_silent(self) -> None:
        """Keep connections open and pass nothing on any more, as a half-open connection does."""
        self._silent = True

    def strand_all(self) -> int:
        """Make all connections half-open, as the restart of a router does; new ones work. Gives how many."""
        with self._lock:
            open_links = [link for link in self._links if link.caller.fileno() >= 0]
            for link in open_links:
                link.dead = True
        return len(open_links)

    def lead_to(self, target_port: int) -> None:
        """Lead new connections to another port of this machine; those that exist stay where they are."""
        self._target_port = target_port

    def cut_off(self) -> None:
        """Part the network: nothing gets through, and no connection can be made, until `heal`."""
        self._parted = True
        self.strand_all()

    def heal(self) -> None:
        """Let connections be made again."""
        self._parted = False

    def strand_next(self, command: bytes) -> None:
        """Make the connection half-open that is the next to send `command`. Once."""
        self._strand_at = command

    @property
    def stranded(self) -> bool:
        """Whether the connection for `strand_next` has come."""
        return self._strand_at is None

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for link in self._links:
                _close(link.caller)
                _close(link.server)

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            if self._parted:
                _close(caller)
                continue
            try:
                link = Link(caller, socket.create_connection(("127.0.0.1", self._target_port)))
            except OSError:
                _close(caller)  # the target is away; it may come back
                continue
            with self._lock:
                link.dead = self._parted  # since it was accepted
                self._links.append(link)
            threading.Thread(target=self._pass_requests, args=(link,), daemon=True).start()

    def _pass_requests(self, link: Link) -> None:
        answers = threading.Thread(target=self._pass_answers, args=(link,), daemon=True)
        answers.start()
        with suppress(OSError):
            while chunk := link.caller.recv(65536):
                if self._strand_at is not None and self._strand_at in chunk:
                    self._strand_at, link.dead = None, True
                if self._silent or link.dead:
                    continue
                if self._cut_at is not None and self._cut_at in chunk:
                    self._cut_at = None
                    self._deliver_and_cut(chunk, link.caller)
                    break
                link.server.sendall(chunk)
        _close(link.caller)
        _close(link.server)

    def _deliver_and_cut(self, request: bytes, caller: socket.socket) -> None:
        """The request goes over a connection of its own, so that its answer is surely there before the cut."""
        with socket.create_connection(("127.0.0.1", self._target_port)) as server:
            server.sendall(request)
            server.recv(65536)
        self.cuts += 1
        _close(caller)

    def _pass_answers(self, link: Link) -> None:
        with suppress(OSError):
            while chunk := link.server.recv(65536):
                if not (self._silent or link.dead):
                    link.caller.sendall(chunk)
        if not link.dead:
            _close(link.caller)


def _close(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
