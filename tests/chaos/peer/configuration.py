"""How plain Celery is configured: as one would for work that must not be lost, and once more with short times."""

from __future__ import annotations

from typing import Any

_SAFE: dict[str, Any] = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_ignore_result": True,
    "worker_prefetch_multiplier": 1,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
}
#: Seconds after which the tuned broker gives an unacknowledged message to another worker; over the longest job.
TUNED_VISIBILITY_S = 30

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    # A visibility time-out of one hour, looked at about every 100 s.
    "defaults": _SAFE,
    "tuned": _SAFE
    | {
        "broker_transport_options": {
            "visibility_timeout": TUNED_VISIBILITY_S,
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
            # By default a worker that is killed while it restores keeps all others from it for five minutes.
            "unacked_mutex_expire": 5,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
        }
    },
}
