"""Items of the output of a response."""

from __future__ import annotations

from typing import Any

from backdesk.gateway.dialects.responses.ids import ask_id
from backdesk.gateway.turns import ToolCalled
from backdesk.worker.model.asks import Ask, AskType
from backdesk.worker.text.json import encode

APPROVAL, CALL = "mcpr_", "call_"
#: The server and the tool that asks of people are shown as.
SERVER, ASK_USER = "backdesk", "ask_user"

Item = dict[str, Any]


def message(number: int, text: str, status: str) -> Item:
    """Return the nth message of a response."""
    content = [] if status == "in_progress" and not text else [part(text)]
    return {"id": f"msg_{number}", "type": "message", "role": "assistant", "status": status, "content": content}


def part(text: str) -> Item:
    """Return the one part of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def tool_call(call: ToolCalled, status: str, summary: str = "") -> Item:
    """Return the receipt of a tool that ran here: clients know it as the call of a tool on a server."""
    part = {"type": "text", "text": summary}
    done, failed = status == "completed", status == "failed"
    return {
        "id": f"mcp_{call.call_id}",
        "type": "mcp_call",
        "status": status,
        "name": call.tool,
        "server_label": SERVER,
        "arguments": encode(call.arguments).decode(),
        "output": summary if done else None,
        "error": {"type": "mcp_tool_execution_error", "content": [part]} if failed else None,
    }


def asked(ask: Ask) -> Item:
    """Return what is asked of a person: a question as the call of a tool, all else as an approval."""
    if ask.type is AskType.QUESTION:
        arguments = encode({"prompt": ask.prompt, "choices": ask.choices}).decode()
        call_id = ask_id(CALL, ask.name)
        common = {"type": "function_call", "name": ASK_USER, "call_id": call_id, "status": "completed"}
        return {"id": f"fc_{call_id}", **common, "arguments": arguments}
    facts = encode({"prompt": ask.prompt, **ask.facts}).decode()
    common = {"type": "mcp_approval_request", "name": ask.name, "server_label": SERVER}
    return {"id": ask_id(APPROVAL, ask.name), **common, "arguments": facts}
