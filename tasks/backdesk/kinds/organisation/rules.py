"""The rules of an organisation's assistant: what it looks up, and which setting it changes."""

from __future__ import annotations

import re
from collections.abc import Callable

from backdesk.agents.offline.phrases import say, says
from backdesk.agents.situation import Call, Reply, Situation, ToolReply
from backdesk.kinds.organisation.settings import SETTINGS

_CHANGE = r"set|change|switch|turn|make|enable|disable|use"
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a about an and are can do document documents does find for have in is it me of on our please project projects
        say search show tell that the there to us was we what where which who with you
        """,
    )
)


def decide(situation: Situation) -> Reply:
    """Choose the next step of the assistant."""
    if situation.replies:
        return say(*map(_tell, situation.replies))
    text = situation.message
    if change := _change_in(text):
        return (change,)
    if says(r"settings?|configur\w+", text) or any(_names(name, text) for name in SETTINGS):
        return (Call("show_settings", {}),)
    if says(r"overview|how many|plan|at a glance|about (?:us|our organi[sz]ation)", text):
        return (Call("organisation_overview", {}),)
    if says(r"members?|colleagues?|team|admins?|people", text):
        return (Call("list_members", {}),)
    words = [word for word in re.findall(r"\w+", text) if word.lower() not in _STOP_WORDS]
    return (Call("search_organisation", {"query": " ".join(words or [text])[:500]}),)


def _names(setting: str, text: str) -> bool:
    return says(setting.replace("_", "[ _-]"), text)


def _change_in(text: str) -> Call | None:
    """Return the change that a text asks for: a setting, and after it `to` or a value that it has."""
    if not says(_CHANGE, text):
        return None
    for name in SETTINGS:
        pattern = rf"{name.replace('_', '[ _-]')}\s*(?:to|=|:)?\s+(\w+)"
        if found := re.search(pattern, text.lower()):
            return Call("change_setting", {"setting": name, "value": found[1]})
    return None


def _tell(reply: ToolReply) -> str:
    return _SENTENCES[reply.tool](reply) if reply.succeeded else reply.problem


def _about_organisation(reply: ToolReply) -> str:
    data = reply.data
    projects = ", ".join(f"{count} {status}" for status, count in data["projects"].items()) or "none"
    return (
        f"{data['name']} has the plan {data['plan']}, {data['members']} members ({data['admins']} of them admins), "
        f"{data['documents']} documents, and projects: {projects}. You are its {data['your_role']}."
    )


def _about_findings(reply: ToolReply) -> str:
    found = [f"{each['title']} ({each['type']}, {each['person']}): {each['excerpt']}" for each in reply.data["found"]]
    return "I found " + " — ".join(found) if found else "I found nothing about that in your organisation."


def _about_members(reply: ToolReply) -> str:
    members = [f"{each['name']} ({each['role']})" for each in reply.data["members"]]
    return f"Your organisation has {reply.data['total']} members: {', '.join(members)}."


def _about_settings(reply: ToolReply) -> str:
    values = ", ".join(f"{each['name']} = {each['value']}" for each in reply.data["settings"])
    if not reply.data["changes"]:
        return f"The settings are: {values}."
    last = reply.data["changes"][0]
    return f"The settings are: {values}. Last change: {last['setting']} to {last['value']} by {last['user_id']}."


def _about_change(reply: ToolReply) -> str:
    if "unchanged" in reply.data:
        return f"{reply.data['setting']} is {reply.data['value']} already."
    return f"{reply.data['setting']} is {reply.data['value']} now; it was {reply.data['previous']}."


_SENTENCES: dict[str, Callable[[ToolReply], str]] = {
    "organisation_overview": _about_organisation,
    "search_organisation": _about_findings,
    "list_members": _about_members,
    "show_settings": _about_settings,
    "change_setting": _about_change,
}
