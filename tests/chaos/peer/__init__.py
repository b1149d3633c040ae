"""The same drill dealt to plain Celery, for what it is worth to know: same faults, same jobs, same yardstick.

Plain means as Celery's users write it: late acknowledgement, no ledger; a task that is delivered again runs again from
its beginning. The work is the part of the orders that Celery can express: steps one after the other.
"""
