"""A job's events as a turn of a conversation: what clients that know chats, and no jobs, are told.

`TurnReader` reads the events of a job in their order, from the first, and gives what each of them means. It is a pure
function of the log, so that any process tells a client the same, in the same order.
"""

from backdesk.gateway.turns.parts import AgentChanged as AgentChanged
from backdesk.gateway.turns.parts import Answered as Answered
from backdesk.gateway.turns.parts import Asked as Asked
from backdesk.gateway.turns.parts import Began as Began
from backdesk.gateway.turns.parts import Ended as Ended
from backdesk.gateway.turns.parts import Other as Other
from backdesk.gateway.turns.parts import Part as Part
from backdesk.gateway.turns.parts import Progressed as Progressed
from backdesk.gateway.turns.parts import TextDelta as TextDelta
from backdesk.gateway.turns.parts import TextVoided as TextVoided
from backdesk.gateway.turns.parts import ToolCalled as ToolCalled
from backdesk.gateway.turns.parts import ToolReturned as ToolReturned
from backdesk.gateway.turns.reader import TurnReader as TurnReader
