"""The seam to the agent library: the only package that imports `pydantic_ai` and `openai`.

It turns a card into an agent, drives one agent until it answers, asks or hands over, and translates models,
messages and errors into plain values, so that a new version of the library is this package's work alone. The
library adds kinds of parts, events and errors in minor versions: whatever is unknown here takes a default
branch.
"""

from tasks.agents.runtime.agents import Budget, run_agent
from tasks.agents.runtime.budgeted import Account
from tasks.agents.runtime.cached import Shelf
from tasks.agents.runtime.messages import History, conceal_history, dump_history, load_history, turn_of
from tasks.agents.runtime.models import ModelHandle, openai_model, scripted_model
from tasks.agents.runtime.pruning import pruned
from tasks.agents.runtime.rehearsal import rehearse
from tasks.agents.runtime.reviewed import without_refused

__all__ = [
    "Account",
    "Budget",
    "History",
    "ModelHandle",
    "Shelf",
    "conceal_history",
    "dump_history",
    "load_history",
    "openai_model",
    "pruned",
    "rehearse",
    "run_agent",
    "scripted_model",
    "turn_of",
    "without_refused",
]
