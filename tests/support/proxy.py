"""A TCP proxy in front of Redis that does what networks do."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Proxy:
    """Passes connections on to a port of this machine, until told to fail."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._cut_at: bytes | None = None
        self._silent = False
        self._half_open: set[socket.socket] = set()
        #: How often a connection was cut with its request delivered and its answer withheld.
        self.cuts = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def cut_after(self, command: bytes) -> None:
        """Deliver the next request that contains `command`, withhold its answer and close the connection. Once."""
        self._cut_at = command

    def fall_silent(self) -> None:
        """Keep connections open and pass nothing on any more, as a half-open connection does."""
        self._silent = True

    def go_half_open(self) -> int:
        """Pass nothing on any more over the connections of now, which stay open; new ones work. Gives how many."""
        with self._lock:
            self._half_open = {connection for connection in self._sockets if connection.fileno() >= 0}
        return len(self._half_open) // 2

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._sockets:
                _close(connection)

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                _close(caller)  # the target is away; it may come back
                continue
            with self._lock:
                self._sockets += [caller, server]
            threading.Thread(target=self._pass_requests, args=(caller, server), daemon=True).start()

    def _pass_requests(self, caller: socket.socket, server: socket.socket) -> None:
        answers = threading.Thread(target=self._pass_answers, args=(server, caller), daemon=True)
        answers.start()
        with suppress(OSError):
            while chunk := caller.recv(65536):
                if self._silent or caller in self._half_open:
                    continue
                if self._cut_at is not None and self._cut_at in chunk:
                    self._cut_at = None
                    self._deliver_and_cut(chunk, caller)
                    break
                server.sendall(chunk)
        _close(caller)
        _close(server)

    def _deliver_and_cut(self, request: bytes, caller: socket.socket) -> None:
        """The request goes over a connection of its own, so that its answer is surely there before the cut."""
        with socket.create_connection(("127.0.0.1", self._target_port)) as server:
            server.sendall(request)
            server.recv(65536)
        self.cuts += 1
        _close(caller)

    def _pass_answers(self, server: socket.socket, caller: socket.socket) -> None:
        with suppress(OSError):
            while chunk := server.recv(65536):
                if not self._silent and server not in self._half_open:
                    caller.sendall(chunk)
        _close(caller)


def _close(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
