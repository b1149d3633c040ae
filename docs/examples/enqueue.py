"""Submit a customer request with backdesk's client, follow it, and read the answer."""

from backdesk.client import JobClient

with JobClient() as client:
    job = client.submit("support.request", {"message": "I want to return order 10003", "customer_id": "cust-3"})
    for event in job.watch():
        print(event.seq, event.type, event.data)
    print(job.result(timeout=60)["answer"])
