"""E-mail by SMTP: `smtp://user:password@host:587`, with STARTTLS where that is offered; `smtps://…` has TLS at once."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from backdesk.service.notification import Letter
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

TIMEOUT_S = 30.0
#: From here on a reply code of SMTP says that another attempt would be refused as well.
PERMANENT = 500


class Mail:
    """One recipient."""

    def __init__(self, name: str, to: str, server: SecretStr | None, sender: str) -> None:
        if server is None or not sender:
            raise TaskError("channel_misconfigured", "a channel mailto: needs BACKDESK_SMTP_URL and BACKDESK_MAIL_FROM")
        self.name = name
        self.to = to
        self._server = urlsplit(server.get_secret_value())
        self._sender = sender

    def send(self, letter: Letter) -> None:
        """See Channel. Errors name no address; what the server says of one could."""
        message = self.message(letter)
        try:
            with self._connected() as server:
                if self._server.username:
                    server.login(unquote(self._server.username), unquote(self._server.password or ""))
                server.send_message(message)
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code) from None
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal(max(code for code, _ in error.recipients.values())) from None

    def message(self, letter: Letter) -> EmailMessage:
        """Return what is sent. Raises TaskError where the recipient has no address that can be written to."""
        message = EmailMessage()
        message["From"], message["To"] = self._sender, self.recipient()
        message["Subject"] = self.subject(letter)
        message["Date"] = format_datetime(letter.at)
        # The same in each attempt, by which mail programs know a repetition.
        digest = hashlib.sha256(letter.id.encode()).hexdigest()[:32]
        message["Message-ID"] = f"<{digest}@backdesk>"
        message.set_content(self.words(letter))
        return message

    def recipient(self) -> str | Address:
        """Return to whom it goes."""
        return self.to

    def subject(self, letter: Letter) -> str:
        """Return the subject, one line."""
        return f"[{letter.tenant}] {letter.text.splitlines()[0][:150]}"

    def words(self, letter: Letter) -> str:
        """Return the body."""
        return letter.text

    def _connected(self) -> smtplib.SMTP:
        host, context = self._server.hostname or "", ssl.create_default_context()
        if self._server.scheme == "smtps":
            return smtplib.SMTP_SSL(host, self._server.port or 465, timeout=TIMEOUT_S, context=context)
        server = smtplib.SMTP(host, self._server.port or 587, timeout=TIMEOUT_S)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
        elif self._server.username:
            server.close()
            raise TaskError(
                "mail_not_secured", "the mail server offers no TLS, and would get the password in the clear"
            )
        return server


def _refusal(code: int) -> TaskError:
    message = f"the mail server refused with code {code}"
    return TaskError("mail_refused", message, category=Category.NETWORK, transient=code < PERMANENT)
