"""The check of an API that a tool is declared for: that it answers, and takes the key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backdesk.platform.checking_loop import run_checking
from backdesk.platform.dependency import Dependency, Unfit
from backdesk.tools.http.address import Address, RequestRefused
from backdesk.tools.http.fetch import Asked, Fetched, fetch
from backdesk.tools.http.guard import Guard
from backdesk.tools.http.operation import Operation
from backdesk.worker.errors import TaskError

#: How long an API is waited for.
MOST_S = 10.0
_LOCKED = frozenset({401, 403, 407})
_TOO_MANY, _FAULTS, _NO_SUCH_METHOD = 429, 500, 501


def api_dependency(name: str, declared: Sequence[tuple[Operation, Guard]]) -> Dependency:
    """Return the check of the API of some operations, by the one that takes the fewest arguments.

    A GET is made without arguments, as a GET changes nothing; in place of any other method HEAD asks for its address.
    """
    operation, guard = min(declared, key=lambda each: (each[0].method != "GET", len(_needed(each[0]))))

    def look() -> str:
        said = f"{operation.method} {operation.url}"
        if operation.key is None:
            return said
        operation.key.value()
        return f"{said}, with the key in {operation.key.secret}"

    def check() -> str:
        return run_checking(_check(operation, guard), MOST_S)

    def secrets() -> Sequence[str]:
        return (operation.key.value(),) if operation.key else ()

    return Dependency(name, check, look, secrets)


async def _check(operation: Operation, guard: Guard) -> str:
    placeholders = {each.argument: "-" for each in operation.parameters if each.place == "path"}
    asked = operation.asked(placeholders)
    if operation.method != "GET":
        asked = replace(asked, method="HEAD", body=None)
    await _look_up(guard, asked.address)
    try:
        found = await fetch(guard, asked, within_s=MOST_S)
    except RequestRefused as error:
        raise Unfit(str(error), "see what answers there: the tool would refuse it", works=True) from None
    except TaskError as error:
        raise Unfit(error.message, "see that it runs and can be reached from here") from None
    return _judged(operation, asked, found)


async def _look_up(guard: Guard, address: Address) -> None:
    """Raise PrivateAddress, and OSError for a name that nobody knows: a request would tell less."""
    for ip in await guard.resolve(address.host, address.port):
        guard.check_ip(address.host, ip)


def _judged(operation: Operation, asked: Asked, found: Fetched) -> str:
    host, status, key = asked.address.authority, found.status, operation.key
    # Without its arguments a request may be refused, or a server stumble, for the want of them.
    whole = operation.method == "GET" and not _needed(operation)
    if status in _LOCKED and key:
        raise Unfit(f"{host} refuses the key: status {status}", f"put a key that it takes into {key.secret}")
    if status in _LOCKED and (whole or status != 403):
        raise Unfit(f"{host} asks for a key: status {status}", "declare the tool with key=")
    if status == _TOO_MANY:
        raise Unfit(f"{host} wants a pause: status {status}", "ask it less often", works=True)
    if status >= _FAULTS and status != _NO_SUCH_METHOD:
        raise Unfit(f"{host} fails: status {status}", "see what is wrong with it", works=not whole)
    if whole and status >= 400:
        raise Unfit(f"{host} answers with status {status}", "see whether the address is right", works=True)
    said = f"{host} answers {asked.method}{'' if whole else ' without arguments'}: status {status}"
    return f"{said}; the key in {key.secret} was not refused" if key else said


def _needed(operation: Operation) -> list[str]:
    return [each.argument for each in operation.parameters if each.required]
