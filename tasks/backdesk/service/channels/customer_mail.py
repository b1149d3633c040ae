"""E-mail to a customer, at the address that the shop has of them: read for each letter, and written down nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage

from backdesk.platform.deployment import Deployment
from backdesk.platform.settings import TaskSettings
from backdesk.service.channels.mail import Mail
from backdesk.service.contract import PHRASES
from backdesk.service.notification import Letter
from backdesk.shop.tables import Customer
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category


def customer_mail(here: Deployment, letter: Letter) -> Iterator[CustomerMail]:
    """Yield the way to the customer whom a letter names by its tenant and `data.customer_id`, if they have an address.

    There is none unless BACKDESK_MAIL_CUSTOMERS is set.
    """
    customer_id = letter.data.get("customer_id")
    if not here.settings.mail_customers or letter.to != "customer" or not isinstance(customer_id, str):
        return
    with here.database.of_customer(letter.tenant, customer_id).read() as session:
        customer = session.get(Customer, (letter.tenant, customer_id))
        email = customer.email.strip() if customer else ""
    if email:
        yield CustomerMail(email, here.settings)


class CustomerMail(Mail):
    """One customer."""

    def __init__(self, email: str, settings: TaskSettings) -> None:
        super().__init__("customer-mail", email, settings.smtp_url, settings.mail_from)

    def message(self, letter: Letter) -> EmailMessage:
        """See Mail."""
        message = super().message(letter)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: so that no program answers it
        return message

    def recipient(self) -> Address:
        """See Mail. An address is data: one that is not exactly one is none."""
        try:
            found = Address(addr_spec=self.to)
            return Address(username=found.username, domain=found.domain.encode("idna").decode())
        except (ValueError, MessageError):
            raise TaskError(
                "address_unusable",
                "the shop has an address of the customer to which no mail can be sent; correct it, and replay this job",
                category=Category.VALIDATION,
            ) from None

    def subject(self, letter: Letter) -> str:
        """Name the case, so that mail programs put together what is of one."""
        case = " ".join(str(letter.data.get("case", "")).split())[:150]
        return PHRASES.say("subject", letter.language, case=case).strip()

    def words(self, letter: Letter) -> str:
        """Add to the text where it can be answered."""
        return f"{letter.text}\n\n-- \n{PHRASES.say('answer_there', letter.language)}"
