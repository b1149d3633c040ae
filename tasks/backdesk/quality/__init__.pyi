from .check import Check as Check
from .draft import Draft as Draft
from .gate import BRIEF as BRIEF
from .gate import DEFAULT_CHECKS as DEFAULT_CHECKS
from .gate import QualityGate as QualityGate
