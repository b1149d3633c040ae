from .http.openapi import openapi_tools as openapi_tools
from .http.operation import ApiKey as ApiKey
from .http.tool import HttpAnswer as HttpAnswer
from .http.tool import http_tool as http_tool
from .planning import make_plan as make_plan
from .planning import mark_step as mark_step
from .database import database_tool as database_tool
from .status import system_status as system_status
