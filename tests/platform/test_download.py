"""Fetching what somebody outside has named: from a real server over TLS, and never from where it must not be."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backdesk.platform.download import DownloadRefused, Sources, download
from backdesk.platform.public_address import is_public
from tests.support.tls import Certificates

HERE = Sources(private=True)
FILE = b"\x89PNG" * 100


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Stay quiet."""

    def do_GET(self) -> None:
        here, path = f"https://{self.headers['Host']}", urlsplit(self.path).path
        to = {
            "/moved": f"{here}/file",
            "/near": "/file",
            "/round": f"{here}/round",
            "/metadata": "https://169.254.169.254/latest/meta-data",
            "/plain": "http://example.com/file",
            "/disk": "file:///etc/passwd",
        }.get(path)
        if to is not None:
            self._answer(302, b"", {"Location": to})
        elif path == "/file":
            self._answer(200, FILE)
        elif path == "/short":
            self._answer(200, FILE, missing=7)
        elif path == "/packed":
            self._answer(200, FILE, {"Content-Encoding": "gzip"})
        elif path == "/chunked":
            self._chunked()
        else:
            self._answer(int(path[1:]), b"")

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, missing: int = 0) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + missing))
        self.end_headers()
        self.wfile.write(body)

    def _chunked(self) -> None:
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(FILE), 100):
            self.wfile.write(b"64\r\n" + FILE[at : at + 100] + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(certificates: Certificates) -> Iterator[str]:
    served = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.server)
    served.socket = context.wrap_socket(served.socket, server_side=True)
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{served.server_address[1]}"
    served.shutdown()
    thread.join()
    served.server_close()


@pytest.fixture(autouse=True)
def trusted(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    return certificates.authority


@pytest.mark.parametrize("path", ["/file", "/moved", "/near", "/chunked", "/file?key=1"])
def test_a_file_is_fetched_also_by_way_of_a_redirect(server: str, path: str) -> None:
    assert download(server + path, 1000, HERE) == FILE


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/404", "answered with status 404"),
        ("/403", "answered with status 403"),
        ("/round", "is redirected more than 3 times"),
        ("/plain", "not https://"),
        ("/disk", "not https://"),
        ("/packed", "sent compressed"),
    ],
)
def test_what_will_not_be_there_another_time_either_is_refused(server: str, path: str, reason: str) -> None:
    with pytest.raises(DownloadRefused, match=reason):
        download(server + path, 1000, HERE)


@pytest.mark.parametrize("path", ["/503", "/429", "/short"])
def test_what_may_be_there_another_time_is_no_refusal(server: str, path: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - of whatever sort
        download(server + path, 1000, HERE)


@pytest.mark.parametrize("path", ["/file", "/chunked"])
def test_a_file_that_is_too_large_is_not_read_to_its_end(server: str, path: str) -> None:
    with pytest.raises(DownloadRefused, match="has more than 399 bytes"):
        download(server + path, 399, HERE)


def test_a_server_whose_certificate_nobody_vouches_for_is_not_asked(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ssl.SSLCertVerificationError):
        download(f"{server}/file", 1000, HERE)


def test_a_host_that_is_not_listed_is_not_asked_nor_one_to_which_another_redirects(server: str) -> None:
    listed = Sources(hosts=("127.0.0.1",), private=True)
    assert download(f"{server}/moved", 1000, listed) == FILE
    with pytest.raises(DownloadRefused, match=r"is on 169\.254\.169\.254, which BACKDESK_ATTACHMENT_HOSTS"):
        download(f"{server}/metadata", 1000, listed)
    with pytest.raises(DownloadRefused, match=r"is on evil-example\.com"):
        download("https://evil-example.com/", 1000, Sources(hosts=("*.example.com",)))


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "0x7f.1", "2130706433", "[::ffff:7f00:1]"])
def test_nothing_is_fetched_from_a_private_network_however_it_is_written(host: str) -> None:
    with pytest.raises(DownloadRefused, match="private network"):
        download(f"https://{host}:1/file", 1000, Sources())


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:a9fe:a9fe]", "168.63.129.16", "[fd00:ec2::254]"])
def test_what_tells_a_machine_its_secrets_is_not_asked_where_private_networks_are_meant_either(host: str) -> None:
    with pytest.raises(DownloadRefused, match="private network"):
        download(f"https://{host}/latest/meta-data", 1000, HERE)


def test_a_name_that_leads_to_a_private_address_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(None, None, None, "", ("93.184.215.14", 443)), (None, None, None, "", ("10.0.0.1", 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(DownloadRefused, match=r"private network: rebound\.example\.com"):
        download("https://rebound.example.com/file", 1000, Sources())


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an attacker's name server says the second time is not heard."""
    asked: list[object] = []

    def once(*host: object, **_: object) -> list[object]:
        asked.append(host)
        return [(None, None, None, "", ("93.184.215.14", 443))]

    def connect(address: tuple[str, int], timeout: float) -> None:
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr("socket.getaddrinfo", once)
    monkeypatch.setattr("socket.create_connection", connect)
    with pytest.raises(ConnectionRefusedError):
        download("https://example.com/file", 1000, Sources())
    assert asked == [("example.com", 443), ("93.184.215.14", 443)]


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - nothing is bound
        "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.8.8.8", "169.254.169.254", "168.63.129.16",
        "172.16.0.1", "192.168.1.1", "192.0.0.192", "198.18.0.1", "224.0.0.1", "239.1.2.3", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1",
        "2002:7f00:1::", "2001:0:7f00:1::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1",
        "2606:2800::5efe:127.0.0.1", "100::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_an_address_of_a_machine_a_network_or_a_cloud_is_not(address: str) -> None:
    assert not is_public(address)
