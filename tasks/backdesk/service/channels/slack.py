"""An incoming webhook of Slack, or of what takes the same: Mattermost, Rocket.Chat, Discord by `/slack`."""

from __future__ import annotations

from pydantic_core import to_json

from backdesk.service.channels.http_post import post
from backdesk.service.notification import Letter

#: What Slack would take for its own markup, and might call people by.
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Slack:
    """An address that takes `{"text": …}`."""

    def __init__(self, name: str, url: str, *, private: bool) -> None:
        self.name = name
        self._url = url
        self._private = private

    def send(self, letter: Letter) -> None:
        """See Channel."""
        text = f"{letter.tenant}: {letter.text}".translate(_ESCAPED)
        post(self._url, to_json({"text": text}), {}, private=self._private)
