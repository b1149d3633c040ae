"""`backdesk chat`: talk to a kind that answers messages, in one conversation, until one leaves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from backdesk.cli.catalogue import contract_of
from backdesk.cli.connection import connected
from backdesk.cli.errors import ExitCode
from backdesk.cli.options.attachments import FIELD as FILES
from backdesk.cli.options.attachments import Attach, attach, check_takes_files
from backdesk.cli.options.login import login_name
from backdesk.cli.options.request_fields import request_from
from backdesk.cli.options.submit import Kind, Tenant
from backdesk.cli.output import AsJson, Output
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.asks import ask_text, hint
from backdesk.cli.views.chat import AnswerView
from backdesk.cli.views.following import overseen, subscribed
from backdesk.cli.views.record import end_of
from backdesk.client import JobClient
from backdesk.client.operations.jobs import new_job_id
from backdesk.worker.errors import BackdeskError, InvalidRequest
from backdesk.worker.model.asks import OUTCOMES, Ask, AskType
from backdesk.worker.model.events import EventType, JobEvent
from backdesk.worker.model.job import DEFAULT_TENANT, JobRecord, JobState

#: The fields of a request and of a result by which a kind talks.
WORDS, ANSWER, CONVERSATION = "message", "answer", "conversation_id"
#: The fields of a request that say yes or no to what was proposed, by its number.
DECISIONS = {"/yes": ("confirms", "Yes."), "/no": ("declines", "No.")}

#: Has a file go with the next message.
ATTACH = "/attach"

#: How long a chat waits for the end of a job that it has cancelled.
CANCELLED_WITHIN_S = 10.0

_HELP = """/new    begin another conversation
/who    who answered last, for whom, in which conversation and job
/yes    agree to what was just proposed; /no refuses it
/attach FILE   send a file, or what is at an https:// address, with the next message
/quit   leave, as the end of input does; Ctrl-C cancels an answer that is being made"""


@dataclass(slots=True)
class Chat:
    """A conversation with one kind, whose requests have this schema; `fields` go with every message."""

    client: JobClient
    kind: str
    tenant: str
    schema: dict[str, Any]
    fields: dict[str, Any]
    out: Output
    conversation_id: str | None = None
    last: JobRecord | None = None
    failed: bool = False
    #: Fields that the next message has besides.
    once: dict[str, Any] = field(default_factory=dict)

    def run(self) -> None:
        """Answer line by line until there are no more."""
        while (line := _read(f"{self.tenant}> ")) is not None:
            text = line.strip()
            if text == "/quit":
                return
            if text:
                self._take(text)

    def _take(self, text: str) -> None:
        commands: dict[str, Callable[[], None]] = {"/new": self._renew, "/who": self._tell_who, "/help": self._help}
        try:
            if text in DECISIONS:
                text = self._decide(text)
            elif text in commands:
                commands[text]()
                return
            elif text.split()[0] == ATTACH:
                self.attach(text.removeprefix(ATTACH).split(maxsplit=0))
                return
            elif text.startswith("/"):
                raise InvalidRequest("command", f"{text.split()[0]} is none; /help lists them")
            self._say(text)
        except BackdeskError as error:
            # What one message is refused for is no end of the chat; without Redis the next one says so again.
            self.failed = True
            self.out.note(f"Error: {error}", "red")

    def attach(self, files: list[str]) -> None:
        """Have files go with the next message. Raises InvalidRequest for one that is not taken."""
        if not files:
            raise InvalidRequest("attach", f"name a file: {ATTACH} photo.png")
        check_takes_files(self.kind, self.schema)
        self.once[FILES] = [*self.once.get(FILES, []), *attach(self.client, self.tenant, files)]
        self.out.line(f"{', '.join(map(safe_line, files))}: goes with the next message", "dim")

    def _renew(self) -> None:
        self.conversation_id, self.last = None, None
        self.out.line("a new conversation begins with the next message", "dim")

    def _help(self) -> None:
        self.out.block(_HELP, "dim")

    def _tell_who(self) -> None:
        told = {"kind": self.kind, "tenant": self.tenant, **self.fields, CONVERSATION: self.conversation_id}
        if self.last is not None:
            result = self.last.result if isinstance(self.last.result, dict) else {}
            told |= {"agent": result.get("agent"), "model": result.get("model"), "job": self.last.id}
        self.out.document(told)
        for name, value in told.items():
            if value is not None:
                self.out.line(f"  {name}: {safe_line(value)}", "dim")

    def _decide(self, command: str) -> str:
        """Have the next message decide what was proposed, as a button does; return its words."""
        result = self.last.result if self.last is not None and isinstance(self.last.result, dict) else {}
        proposal = result.get("proposal")
        if not isinstance(proposal, dict) or "number" not in proposal:
            raise InvalidRequest("command", "nothing is proposed in the last answer")
        name, words = DECISIONS[command]
        self.once[name] = proposal["number"]
        return words

    def _say(self, text: str) -> None:
        body = {**self.fields, **self.once, WORDS: text}
        self.once = {}
        if self.conversation_id is not None:
            body[CONVERSATION] = self.conversation_id
        job_id, view = new_job_id(), AnswerView(self.out)
        with subscribed(self.client, job_id) as events:
            self.client.submit(self.kind, body, tenant=self.tenant, job_id=job_id)
            try:
                for event in overseen(events, lambda: None):
                    view.show(event)
                    if event.type == EventType.WAITING and not self._answer_asks(event, view):
                        return
            except KeyboardInterrupt:
                view.tell("cancelling; Ctrl-C once more leaves", "yellow")
                self.client.cancel(job_id, reason="the chat was interrupted")
                self.client.wait(job_id, CANCELLED_WITHIN_S)
        self._end(self.client.get(job_id), view)

    def _end(self, record: JobRecord, view: AnswerView) -> None:
        self.last = record
        self.out.document(record)
        if record.state is not JobState.SUCCEEDED:
            self.failed = True
            end_of(record, self.out)
            return
        self.conversation_id = record.result.get(CONVERSATION) or self.conversation_id
        view.end(str(record.result.get(ANSWER, "")))

    def _answer_asks(self, event: JobEvent, view: AnswerView) -> bool:
        """Have a person answer what the job waits for; False when there is nobody who could."""
        asks = [Ask.model_validate(each) for each in event.data.get("for", ())]
        for ask in (ask for ask in asks if ask.type is not AskType.CHILD):
            view.tell(ask_text(ask), "bold yellow")
            for name, value in ask.facts.items():
                view.tell(f"{safe_line(name)}: {safe_line(value)}")
            if not self._answer(event.job_id, ask):
                view.tell(f"it waits: {hint(event.job_id, [ask])}", "yellow")
                self.failed = True
                return False
        return True

    def _answer(self, job_id: str, ask: Ask) -> bool:
        by = login_name()
        while (said := _read(f"{'/'.join(_choices(ask)) or 'your answer'}? ")) is not None:
            word = said.strip()
            if ask.type is AskType.APPROVAL and word.lower() in {"y", "yes", "n", "no"}:
                decide = self.client.approve if word.lower().startswith("y") else self.client.deny
                decide(job_id, by=by, ask=ask.name)
                return True
            if ask.type is AskType.OUTCOME and word in OUTCOMES:
                self.client.resolve(job_id, word, by=by, ask=ask.name)
                return True
            if ask.type is AskType.QUESTION and word and (not ask.choices or word in ask.choices):
                self.client.answer(job_id, word, by=by, ask=ask.name)
                return True
        return False


def _choices(ask: Ask) -> tuple[str, ...]:
    match ask.type:
        case AskType.APPROVAL:
            return ("yes", "no")
        case AskType.OUTCOME:
            return tuple(OUTCOMES)
        case _:
            return tuple(ask.choices)


def _read(prompt: str) -> str | None:
    """Return the next line; None at the end of input. A pipe is not prompted."""
    if not sys.stdin.isatty():
        return sys.stdin.readline() or None
    try:
        return input(prompt)
    except EOFError:
        return None


def chat(
    context: typer.Context,
    kind: Kind,
    *,
    tenant: Tenant = DEFAULT_TENANT,
    conversation: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with this conversation instead of a new one.")
    ] = None,
    files: Attach = None,
    as_json: AsJson = False,
) -> None:
    r"""Talk to a kind in one conversation: each line is a message, its answer is shown as it comes.

    For example:

        backdesk chat support.request --customer-id cust-3
        printf 'Where is order 10001?\nThanks\n' | backdesk chat support.request --customer-id cust-1

    Fields of the request, as `--customer-id`, go with every message. What a job asks of a person meanwhile, such as an
    approval, is answered in place. /help lists the commands: /new, /who, /yes, /no, /attach, /quit. What --attach
    names goes with the first message.

    From a pipe each line is a message, and the next line also answers what is asked; the exit code is 1 when an answer
    failed. With --json this prints the record of each answer on a line of its own.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        schema = contract_of(client, kind).request_schema
        if WORDS not in schema.get("properties", {}):
            raise InvalidRequest("kind", f"{kind} is none that talks: its request has no field {WORDS}")
        fields = request_from(context.args, schema)
        if taken := next((name for name in (WORDS, CONVERSATION) if name in fields), None):
            raise InvalidRequest(taken, "is what the chat fills in; give --conversation to go on with one")
        if out.live:
            import readline  # noqa: F401, PLC0415 - gives `input` lines that can be edited and recalled

            out.line(f"{kind}: write a message; /help lists the commands, /quit leaves", "dim")
        talk = Chat(client, kind, tenant, schema, fields, out, conversation_id=conversation)
        if files:
            talk.attach(files)
        talk.run()
    if talk.failed:
        raise typer.Exit(ExitCode.FAILED)
