"""Submit with the models of a kind: mypy knows the result, and an editor completes its fields."""

from backdesk.client import JobClient
from backdesk.kinds.support.contract import KIND, SupportRequest

with JobClient() as client:
    job = client.submit(KIND, SupportRequest(message="Where is my order 10001?", customer_id="cust-1"))
    print(job.result(timeout=60).answer)
