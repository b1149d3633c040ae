"""The words of each language, which reviews go by: one file a language in `languages/`, more in a folder of one's own.

A deployment's own files (`BACKDESK_LANGUAGES`) add languages, and replace those parts of a shipped one that they have.
"""

from __future__ import annotations

import tomllib
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from backdesk.platform.contract import Contract
from backdesk.platform.settings import load_settings
from backdesk.worker.errors import ConfigurationError

_SHIPPED = Path(__file__).parent / "languages"


class Disclaimer(Contract):
    """What must be said when an answer touches a subject: `says` is what is looked for, `sentence` what to add."""

    words: tuple[str, ...]
    says: tuple[str, ...]
    sentence: str
    #: Words that do not touch it where `devices` are spoken of and no `bodies`: "the symptoms of the router".
    unsure: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    bodies: tuple[str, ...] = ()


#: By what parts of a phrase are parted that may stand anywhere in the same statement.
APART = " … "


class Declined(Contract):
    """By what a language calls a request of a customer, such as a refund, which may be cancelled before it is done."""

    requests: tuple[str, ...] = ()
    #: What else can be cancelled, such as an order, also at a request; and how a request names that: "for your order".
    others: tuple[str, ...] = ()
    of: tuple[str, ...] = ()


class Completion(Contract):
    """By what a language calls something done."""

    #: Phrases by matters; where one has ` … `, its parts may stand anywhere in a statement.
    claims: dict[str, tuple[str, ...]] = Field({})
    #: Those that are meant instead where they overlap such a phrase, and have more parts than it or else are longer:
    #: "you have ordered". The matter `other` is of nothing that is done for a customer.
    instead: dict[str, tuple[str, ...]] = Field({})
    #: By what a statement speaks of what may come, or is so as a rule; and what seems to: "can confirm", "without".
    open: tuple[str, ...] = ()
    affirms: tuple[str, ...] = ()
    #: On what the rest of a sentence depends.
    conditions: tuple[str, ...] = ()
    #: By what a statement begins that is a condition itself where it begins a sentence: "Ist das Kabel verlegt, ...".
    leads: tuple[str, ...] = ()
    #: What denies that it was done, and further phrases that it denies, by matters; of something else with these words:
    #: "a second refund".
    denials: tuple[str, ...] = ()
    denied: dict[str, tuple[str, ...]] = Field({})
    besides: tuple[str, ...] = ()
    declined: Declined = Declined()
    #: The fields, and the values of states, by which records of tools say it.
    records: dict[str, tuple[str, ...]] = Field({})

    @cached_property
    def claimed(self) -> tuple[str, ...]:
        """How phrases of `claims` end: a statement without any of that claims nothing."""
        said = (*self.claims.values(), *self.instead.values())
        return tuple(each.rpartition(APART)[-1] for phrases in said for each in phrases)


class Emergency(Contract):
    """Numbers that anybody may be told to call, between spaces; what a sentence warns of, by what it says to call."""

    numbers: str = ""
    dangers: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


class Vocabulary(Contract):
    """What is known of one language; a part that a file leaves out is empty."""

    #: The language's own name for itself.
    name: str = ""
    #: Words by which it is recognised, between spaces.
    common: str = ""
    #: Letters that few languages have.
    letters: str = ""
    #: Words that no answer has; `*` at the end stands for any ending. Chapters of `docs/quality.md` say more.
    rude: tuple[str, ...] = ()
    slang: tuple[str, ...] = ()
    #: What binds the shop, and subjects that it gives no advice on.
    promises: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    #: By what a sentence denies a promise; and whether that stands before it, on either side, or is another verb form.
    denials: tuple[str, ...] = ()
    denied: Literal["before", "around", "none"] = "before"
    #: Talk about prompts and models.
    prompts: tuple[str, ...] = ()
    disclaimers: dict[Literal["law", "health", "money"], Disclaimer] = Field({})
    #: By what an answer asks without a mark of question: "please confirm".
    asks: tuple[str, ...] = ()
    #: What ends with a point and ends no sentence, whatever comes next: "Dr.", not "p.m.".
    abbreviations: tuple[str, ...] = ()
    #: What an answer asks by when it offers more help: "anything else".
    offers: tuple[str, ...] = ()
    #: What calls an effect done.
    completion: Completion = Completion()
    #: The numbers that no tool must return.
    emergency: Emergency = Emergency()
    #: English words of such lists that mean something else here: Dutch "u", German "dick".
    harmless: tuple[str, ...] = ()
    #: Phrases in which words of any list mean something else: "if you can … without any risk". Where one has ` … `,
    #: some words of the same clause may stand there; with bars between forms; capitals must be capitals.
    innocent: tuple[str, ...] = ()
    #: What the end of a name of a weekday or month changes to in a sentence ("в пятницу"): `ца = "цы цу"`. The longest
    #: end that a name has counts.
    endings: dict[str, str] = Field({})
    #: Names that are everyday words too: where they are written small, and where any word follows but those of `amid`.
    capitalized: tuple[str, ...] = ()
    ordinals: tuple[str, ...] = ()
    amid: str = ""
    #: What CLDR lacks of the calendar. Twelve months and seven weekdays from Monday on, with bars between forms.
    months: tuple[str, ...] = ()
    weekdays: tuple[str, ...] = ()
    #: Marks of the halves of the day.
    am: tuple[str, ...] = ()
    pm: tuple[str, ...] = ()
    #: After what a number may be a time of day, such as 18.00; and what names one: `"12:00" = ["noon"]`.
    at: tuple[str, ...] = ()
    clock: dict[str, tuple[str, ...]] = Field({})
    #: The hours from one on, with bars between forms; and after what one is a time unless a noun follows: "alle".
    hours: tuple[str, ...] = ()
    hours_after: tuple[str, ...] = ()
    #: What makes an hour that and a half: "half past" before it, "y media" after it; or half of the one before: "halb".
    half_past: tuple[str, ...] = ()
    then_half: tuple[str, ...] = ()
    half_to: tuple[str, ...] = ()
    #: Words for a minute, hour, day, week, month and year, when they are counted; and for a quarter of an hour and half
    #: of one: `30 = ["half an hour"]`.
    minutes: dict[str, tuple[str, ...]] = Field({})
    spans: dict[Literal["minute", "hour", "day", "week", "month", "year"], tuple[str, ...]] = Field({})
    #: Words for days by their distance from today: `1 = ["tomorrow"]`.
    days: dict[str, tuple[str, ...]] = Field({})
    #: Number words, as far as spans are counted with them, between spaces: `2 = "two"`.
    numbers: dict[str, str] = Field({})


_NOTHING = Vocabulary()


@cache
def vocabularies() -> dict[str, Vocabulary]:
    """Return all languages by their ISO 639-1 codes. Raises ConfigurationError for a file that is not as it must be."""
    own = load_settings().languages
    found: dict[str, Vocabulary] = {}
    for path in [*sorted(_SHIPPED.glob("*.toml")), *(sorted(own.glob("*.toml")) if own else ())]:
        known = found.get(path.stem, Vocabulary())
        found[path.stem] = known.model_copy(update=_parts(path))
    return found


def vocabulary_of(language: str | None) -> Vocabulary:
    """Return the words of a language; none for one that is not known."""
    return vocabularies().get(language or "", _NOTHING)


def _parts(path: Path) -> dict[str, object]:
    try:
        read = Vocabulary.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigurationError(f"BACKDESK_LANGUAGES: {path}: {where}: {first['msg']}") from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"BACKDESK_LANGUAGES: {path} cannot be read: {error}") from None
    return {name: getattr(read, name) for name in read.model_fields_set}
