"""The seam to the agent library: the only package that imports `pydantic_ai` and `openai`.

It turns a card into an agent, drives one agent until it answers, asks or hands over, and translates models,
messages and errors into plain values, so that a new version of the library is this package's work alone. The
library adds kinds of parts, events and errors in minor versions: whatever is unknown here takes a default
branch.
"""

from backdesk.agents.runtime.budget import Budget
from backdesk.agents.runtime.budgeted import Account
from backdesk.agents.runtime.citing import sources_in
from backdesk.agents.runtime.continued import is_cut_off, whole_answers
from backdesk.agents.runtime.judging import answer_by_type, judge
from backdesk.agents.runtime.messages import (
    History,
    Prompt,
    called_for,
    conceal_history,
    dump_history,
    load_history,
    note_of_deployment,
    of_another_team,
    prompt_of,
    said_by_customer,
    spoken_turn,
    tools_called,
    turn_of,
    words_from,
    words_of_colleague,
    words_of_customer,
    words_of_deployment,
)
from backdesk.agents.runtime.models import ModelHandle
from backdesk.agents.runtime.pruning import pruned
from backdesk.agents.runtime.rehearsal import rehearse
from backdesk.agents.runtime.reviewed import without_refused
from backdesk.agents.runtime.runs import Output, run_agent
from backdesk.agents.runtime.scripted import scripted_model
from backdesk.agents.runtime.surroundings import Surroundings
from backdesk.worker.loading import by_name

__all__ = [
    "Account",
    "Budget",
    "History",
    "ModelHandle",
    "Output",
    "Prompt",
    "Surroundings",
    "answer_by_type",
    "called_for",
    "conceal_history",
    "dump_history",
    "is_cut_off",
    "judge",
    "load_history",
    "note_of_deployment",
    "of_another_team",
    "prompt_of",
    "pruned",
    "rehearse",
    "run_agent",
    "said_by_customer",
    "scripted_model",
    "sources_in",
    "spoken_turn",
    "tools_called",
    "turn_of",
    "whole_answers",
    "without_refused",
    "words_from",
    "words_of_colleague",
    "words_of_customer",
    "words_of_deployment",
]

# The client of a model's API loads them with all that they offer, eight megabytes, for the few names it asks for.
by_name("openai.types", "openai.types.responses")
