"""The contract of a kind of job: where it runs, and what its request and result look like.

Workers announce the contracts of what they can run, so that a producer without any task code can check a request
before it is written. Where the pydantic model is installed, it checks instead of the schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.input_guard import InputGuard, guarded_schema, has_guarded
from backdesk.worker.model.job import Name
from backdesk.worker.model.prompt import PromptFacts
from backdesk.worker.text.json import NotJson, encode

#: The field of a request that makes it a message of a conversation.
CONVERSATION_FIELD = "conversation_id"
#: The attribute of a function under which `@task` leaves the kind, so that a client reads it without loading a worker.
KIND_OF_BODY = "backdesk_kind"
#: The slots of its worker that a job takes, at most.
MOST_SLOTS = 1000

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

Request_co = TypeVar("Request_co", bound=BaseModel, covariant=True)
Result_co = TypeVar("Result_co", bound=BaseModel, covariant=True)


class Kind(Protocol[Request_co, Result_co]):
    """A kind of job whose models are here: its name, its queue, and what goes in and comes out."""

    @property
    def kind(self) -> str:
        """Its name."""

    @property
    def queue(self) -> str:
        """The queue that its jobs run from."""

    @property
    def request(self) -> type[Request_co]:
        """The model of its requests."""

    @property
    def result(self) -> type[Result_co]:
        """The model of its results."""


class KindContract(BaseModel):
    """One kind of job, as announced in Redis."""

    model_config = ConfigDict(frozen=True)

    kind: Name
    queue: Name
    description: str = ""
    request_schema: dict[str, Any] = Field(default_factory=dict)
    result_schema: dict[str, Any] = Field(default_factory=dict)
    #: Of its worker that a job takes, unless it says otherwise.
    slots: int = 1
    #: What its agents are told, if it names any.
    prompts: tuple[PromptFacts, ...] = ()
    #: Which of its fields are a conversation; None where it cannot be talked to.
    chat: Chat | None = None
    #: What the workers do about suspicious text in guarded fields; None when there are none, or in older contracts.
    guard: InputGuard | None = None

    @classmethod
    def of(
        cls,
        kind: str,
        queue: str,
        request: type[BaseModel],
        result: type[BaseModel],
        description: str = "",
        *,
        slots: int = 1,
        prompts: Iterable[PromptFacts] = (),
        chat: Chat | None = None,
    ) -> KindContract:
        """Describe a kind by its models."""
        return cls(
            kind=kind,
            queue=queue,
            description=description,
            slots=slots,
            prompts=tuple(prompts),
            chat=chat,
            request_schema=request.model_json_schema(),
            result_schema=result.model_json_schema(mode="serialization"),
        )

    def guarded_by(self, guard: InputGuard) -> KindContract:
        """Return this contract with what is done about suspicious text, if it has fields that are guarded."""
        return self.model_copy(update={"guard": guard}) if has_guarded(self.request_schema) else self


class RequestCheck(Protocol):
    """Checks and encodes the requests of one kind."""

    @property
    def queue(self) -> str:
        """The queue that the kind runs from."""

    @property
    def converses(self) -> bool:
        """Whether requests of the kind have a `conversation_id`: each is a message of a conversation."""

    @property
    def guarded(self) -> bool:
        """Whether requests of the kind have fields in which suspicious text is looked for."""

    def guarded_by(self, guard: InputGuard) -> RequestCheck:
        """Return this check with another guard than it has."""

    def encode(self, request: object) -> bytes:
        """Return the request as JSON; raises InvalidRequest with the field and the reason when it does not fit."""


class ModelCheck:
    """Checks requests with the kind's pydantic model; without a guard, any text may stand in its fields."""

    def __init__(self, queue: str, model: type[BaseModel], guard: InputGuard | None = None) -> None:
        self.queue = queue
        self.converses = CONVERSATION_FIELD in model.model_fields
        self._model = model
        self._guard = guard

    @property
    def guarded(self) -> bool:
        return guarded_schema(self._model) is not None

    def guarded_by(self, guard: InputGuard) -> ModelCheck:
        return ModelCheck(self.queue, self._model, guard)

    def encode(self, request: object) -> bytes:
        """Return the validated request as JSON, defaults filled in."""
        if isinstance(request, BaseModel) and not isinstance(request, self._model):
            request = request.model_dump()
        try:
            checked = self._model.model_validate(request)
        except ValidationError as error:
            raise InvalidRequest.of(field_errors(error)) from None
        encoded = encode_json("request", checked)
        if self._guard is not None:
            self._guard.check(guarded_schema(self._model), encoded)
        return encoded


class SchemaCheck:
    """Checks requests with the JSON schema that workers have announced."""

    def __init__(self, contract: KindContract) -> None:
        self._contract = contract
        self.queue = contract.queue
        self._schema = contract.request_schema
        self.converses = CONVERSATION_FIELD in self._schema.get("properties", {})

    @cached_property
    def guarded(self) -> bool:
        return has_guarded(self._schema)

    def guarded_by(self, guard: InputGuard) -> SchemaCheck:
        return SchemaCheck(self._contract.guarded_by(guard))

    @cached_property
    def _validator(self) -> Draft202012Validator:
        from jsonschema import Draft202012Validator  # noqa: PLC0415 - 3 MB, and a worker checks by models

        return Draft202012Validator(self._schema, format_checker=Draft202012Validator.FORMAT_CHECKER)

    def encode(self, request: object) -> bytes:
        """Return the request as JSON, as it was given."""
        encoded = encode_json("request", request)
        errors = sorted(self._validator.iter_errors(from_json(encoded)), key=lambda error: list(map(str, error.path)))
        if errors:
            raise InvalidRequest.of({path: reason for error in errors for path, reason in _reasons(error)})
        if self._contract.guard is not None:
            self._contract.guard.check(self._schema if self.guarded else None, encoded)
        return encoded


def encode_json(field: str, value: object) -> bytes:
    """Return a value as JSON; raises InvalidRequest, with the path in it, when it holds what JSON cannot."""
    try:
        return encode(value)
    except NotJson as error:
        # The fields of a request are named by themselves, as everywhere.
        path = error.field if field == "request" else f"{field}.{error.field}"
        raise InvalidRequest(path if error.field else field, f"is no JSON: {error.reason}") from None


def field_errors(error: ValidationError) -> dict[str, str]:
    """Return one reason for each field that pydantic refused; those of validators in their own words."""
    return {
        ".".join(map(str, each["loc"])) or "request": each["msg"].removeprefix("Value error, ")
        for each in error.errors(include_url=False)
    }


def _reasons(error: Any) -> Iterator[tuple[str, str]]:
    """Name the fields a schema error is about: for missing and surplus ones that is not the object around them."""
    around = [str(part) for part in error.absolute_path]
    if error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield ".".join([*around, name]), "is required"
    elif error.validator == "additionalProperties":
        for name in error.instance:
            if name not in error.schema.get("properties", {}):
                yield ".".join([*around, name]), "is not a field of this kind"
    else:
        yield ".".join(around) or "request", error.message
