"""Follow a job with any Redis client: each message on its channel is one JSON object."""

import json
import os
import sys

import redis

job_id = sys.argv[1]
subscription = redis.Redis.from_url(os.environ["REDIS_URL"]).pubsub(ignore_subscribe_messages=True)
subscription.subscribe(f"backdesk:progress:{job_id}")
for message in subscription.listen():
    event = json.loads(message["data"])
    print(event["seq"], event["type"], event["data"])
    if event["type"] in {"succeeded", "failed", "cancelled", "expired"}:
        break
