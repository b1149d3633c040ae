"""Submit from a service that has Celery and nothing of backdesk."""

import os

from celery import Celery

url = os.environ["REDIS_URL"]
app = Celery(broker=url, backend=url)

asked = {"message": "My invoice for order 10005 looks wrong", "customer_id": "cust-5"}
sent = app.send_task("support.request", kwargs={"request": asked}, queue="backdesk.inbox")
print("job", sent.id)
print(sent.get(timeout=60)["answer"])
