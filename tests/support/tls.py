"""TLS in front of a server that was built without it, as stunnel has it; and certificates for both ends."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.eventually import PATIENCE_S


class Certificates:
    """Made by OpenSSL into a folder: an authority, and what it has signed for a server and for clients."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.authority = folder / "authority.pem"
        self._make("authority")
        self.server, self.client = self._signed("server"), self._signed("client")

    def _signed(self, name: str) -> tuple[Path, Path]:
        """A certificate for this machine, and its key."""
        self._make(name, "-CA", "authority.pem", "-CAkey", "authority.key", "-addext", "subjectAltName=IP:127.0.0.1")
        return self._folder / f"{name}.pem", self._folder / f"{name}.key"

    def _make(self, name: str, *more: str) -> None:
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key"]
        command = ["openssl", "req", "-x509", *key, "-out", f"{name}.pem", "-subj", f"/CN={name}", *more]
        subprocess.run(command, cwd=self._folder, check=True, capture_output=True)


class TLSFront:
    """Takes TLS connections of callers with a certificate, and passes on what they say to a port of this machine."""

    def __init__(self, target_port: int, certificates: Certificates) -> None:
        self._target_port = target_port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*certificates.server)
        self._context.load_verify_locations(certificates.authority)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._ended = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=self._context) as server:
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._ended.wait()
            server.close()
            for writer in self._writers:
                writer.transport.abort()  # a TLS connection that is closed waits for its peer to say goodbye
            await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)  # first: there may be no server to connect to
        there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._writers.append(back)
        with suppress(asyncio.CancelledError):  # at the end of the front
            await asyncio.gather(_pass(reader, back), _pass(there, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
    finally:
        writer.close()
