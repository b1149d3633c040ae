"""A briefing by rules: what each source says, one under the other, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from backdesk.kinds.briefing.contract import Section

_TITLES = {"weather": "Weather", "news": "News", "markets": "Markets"}
SAMPLE_NOTE = "Sample data: this part is recorded and made up, of no day, and not of what you have asked for."


def by_rules(day: date, sections: Sequence[Section]) -> str:
    """Return the briefing of a day without any model."""
    return "\n\n".join([f"Your briefing for {day:%A, %d %B %Y}.", *map(_told, sections)])


def with_sources(text: str, sections: Sequence[Section], zone_name: str) -> str:
    """Return a briefing with the sources below it, each with what is to be known of it, whoever has written it."""
    return "\n".join([text.rstrip(), "", f"Sources (times in {zone_name}):", *_sources(sections, zone_name)])


def _told(section: Section) -> str:
    lines = [f"- {each.title}{f': {each.detail}' if each.detail else ''}" for each in section.items]
    if section.error:
        lines = [f"- Not to be had: {section.error}"]
    return "\n".join([_TITLES[section.topic], *([SAMPLE_NOTE] if section.sample else ()), *lines])


def _sources(sections: Sequence[Section], zone_name: str) -> Iterator[str]:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - needs the data of time zones

    for each in sections:
        told = [f"{_TITLES[each.topic]}: {each.source}"]
        told += [each.url] if each.url else []
        told += [f"fetched {each.fetched_at.astimezone(ZoneInfo(zone_name)):%H:%M}"] if each.fetched_at else []
        told += ["not to be had"] if each.error else []
        told += ["SAMPLE DATA, not of this day"] if each.sample else []
        yield f"- {', '.join(told)}"
