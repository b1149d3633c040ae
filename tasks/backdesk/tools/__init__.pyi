from .planning import make_plan as make_plan
from .planning import mark_step as mark_step
from .status import system_status as system_status
