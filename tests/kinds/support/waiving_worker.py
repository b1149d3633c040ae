"""The task module of a worker that asks no customer before a refund."""

from backdesk.kinds.support import kind
from tests.kinds.support.waived import WAIVING

kind.SUPPORT = WAIVING
