"""Send a file with a message; the blocking client and the asyncio one do the same."""

from pathlib import Path

from backdesk.client import JobClient
from backdesk.kinds.support.contract import KIND, SupportRequest

with JobClient() as client:
    log = client.attachments.add(Path(__file__), "router.txt")
    request = SupportRequest(message="My router broke, look at this.", customer_id="cust-3", attachments=[log])
    print(client.submit(KIND, request).result(timeout=60).answer)
