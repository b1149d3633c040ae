"""A job of your own."""

from pydantic import BaseModel

from backdesk.worker import TaskContext, task


class Greet(BaseModel):
    name: str


class Greeting(BaseModel):
    text: str


@task("demo.greet", queue="agents")
async def greet(ctx: TaskContext, request: Greet) -> Greeting:
    """Greet somebody by name."""
    ctx.progress(0.5, "thinking of something nice")
    return Greeting(text=f"Hello, {request.name}!")
