"""The same from an event loop."""

import asyncio

from backdesk.client import AsyncJobClient


async def main() -> None:
    async with AsyncJobClient() as client:
        request = {"message": "Where is my order 10001?", "customer_id": "cust-1"}
        job = await client.submit("support.request", request, idempotency_key="mail-4711")
        async for event in job.watch():
            print(event.seq, event.type, event.data)
        print((await job.result(timeout=60))["answer"])


asyncio.run(main())
