from .status import system_status as system_status
