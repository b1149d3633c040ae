"""As much of an SMTP server as it takes to be sent messages, or to refuse them."""

from __future__ import annotations

import email
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from email.message import EmailMessage
from threading import Thread


class Mailbox:
    """What a mail server was sent; to the next recipients it answers with `refusals`, in turn."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.refusals: list[str] = []
        self.url = ""


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Run one within the block."""
    box = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 here")
            while line := self.rfile.readline().decode().strip():
                self._say(self._answer(line))

        def _answer(self, line: str) -> str:
            match line.upper().split(":")[0]:
                case "RCPT TO":
                    box.recipients.append(line.partition(":")[2])
                    return box.refusals.pop(0) if box.refusals else "250 ok"
                case "DATA":
                    self._say("354 go on")
                    sent = b"".join(iter(self.rfile.readline, b".\r\n"))
                    box.letters.append(email.message_from_bytes(sent, policy=policy.default))
                    return "250 ok"
                case "QUIT":
                    return "221 bye"
            return "250 ok"

        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        box.url = f"smtp://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()
