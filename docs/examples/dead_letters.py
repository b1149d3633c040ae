"""Do again what failed because a provider was busy, and forget what can never succeed."""

from datetime import timedelta

from backdesk.client import JobClient

with JobClient() as client:
    for replay in client.dead.replay_many(category="rate_limit", since=timedelta(hours=2)):
        print(replay.origin, "is now", replay.job_id or replay.refused)
    hopeless = client.dead.list(category="validation", limit=1000)
    print("forgotten:", client.dead.drop(record.id for record in hopeless))
