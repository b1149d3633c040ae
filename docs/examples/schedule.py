"""Have the orders audited every weekday morning, unless the last audit still runs."""

from backdesk.client import JobClient

with JobClient() as client:
    kept = client.schedules.add(
        "morning-audit",
        "orders.audit",
        {"max_listed": 5},
        cron="0 9 * * MON-FRI",
        timezone="Europe/Berlin",
        overlap="skip",
        start_by=3600,
    )
    print(kept.record.name, "fires next at", kept.record.next_at)
