"""Celery over HTTP as a team writes it, a route that sends a task: `python -m benchmarks.peers.celery_route PORT`."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI

from benchmarks.peers.celery_app import noop

app = FastAPI()


@app.post("/jobs", status_code=201)
def submit(request: dict[str, Any]) -> dict[str, str]:
    """Send one task; it blocks, so it is no coroutine."""
    return {"id": noop.delay(request["n"]).id}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
