"""The work of a run: what is submitted, when, and how it may end. All of it follows from the seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from random import Random
from typing import Any

from backdesk.worker.model.job import JobState
from tests.chaos.script import Mishap, Move

TENANTS = ("acme", "globex", "initech", "umbrella")
#: How many tenants send one job each while a queue is paused.
CROWD = 2_000
KINDS = ("chaos.agent", "chaos.agent", "chaos.agent", "chaos.tool", "chaos.blocking")
#: The kind whose jobs take several slots: so many where nothing else is said, and of all of them so many at once.
HEAVY, HEAVY_SLOTS, HEAVY_CAP = "chaos.heavy", 2, 5
EFFECTS = ("pure", "idempotent", "idempotent", "unsafe")
#: An attempt of a job that hangs takes this long, at most.
TIMEOUT_S = 4.0

Maker = Callable[[Random], "Order"]
#: Sorts of orders, and how often they are chosen.
Mix = list[tuple[Maker, int]]


@dataclass(frozen=True, slots=True)
class Order:
    """One job to submit. `ends` are the states, or codes of failure, in which it may end."""

    label: str
    kind: str
    moves: list[Move]
    options: dict[str, Any] = field(default_factory=dict)
    ends: frozenset[str] = frozenset({JobState.SUCCEEDED})
    #: Seconds after which its owner cancels it.
    cancel_after_s: float | None = None
    at_s: float = 0.0
    job_id: str = ""


def orders(seed: int, seconds: float, count: int, mix: Mix) -> list[Order]:
    """So many orders, spread over the time."""
    random = Random(f"{seed}:orders")
    makers = random.choices([maker for maker, _ in mix], [weight for _, weight in mix], k=count)
    return [_placed(maker(random), n, seconds * n / count, seed, random) for n, maker in enumerate(makers)]


def crowds(seed: int, pauses: Sequence[float]) -> Iterator[Order]:
    """As many tenants as never before, each with one small job, at each of these moments."""
    for at_s, number in product(pauses, range(CROWD)):
        step = Move(do="step", key="s", effect="pure", value=number)
        tenant = {"tenant": f"crowd-{number}"}
        job_id = f"chaos-{seed}-crowd-{at_s:g}-{number:04}"
        yield Order("crowd", "chaos.agent", [step], tenant, at_s=at_s, job_id=job_id)


def _placed(order: Order, number: int, at_s: float, seed: int, random: Random) -> Order:
    options = {"tenant": random.choice(TENANTS), "priority": random.randint(3, 7), **order.options}
    if random.random() < 0.05:
        options["delay"] = round(random.uniform(0.5, 3), 1)
    job_id = f"chaos-{seed}-{number:04}"
    return Order(order.label, order.kind, order.moves, options, order.ends, order.cancel_after_s, at_s, job_id)


def _short(random: Random) -> Order:
    return Order("short", random.choice(KINDS), _steps(random, random.randint(2, 4)))


def _long(random: Random) -> Order:
    """Longer than leases and time-outs of connections."""
    moves = _steps(random, 14, 0.8, 1.2)
    moves.insert(7, Move(do="checkpoint", key="half"))
    return Order("long", random.choice(("chaos.agent", "chaos.agent", "chaos.agent", "chaos.tool")), moves)


def _together(random: Random) -> Order:
    steps = _steps(random, 4, 0.2, 0.6)
    return Order("together", "chaos.agent", [Move(do="together", key="all", moves=steps), *_steps(random, 1, key="z")])


def _family(random: Random) -> Order:
    children = [_steps(random, 2) for _ in range(random.randint(2, 4))]
    call = Move(do="call", key="team", kind=random.choice(KINDS), children=children)
    return Order("family", random.choice(KINDS), [*_steps(random, 1), call, *_steps(random, 1, key="after")])


def _heavy(random: Random) -> Order:
    """Takes several slots, up to all that a worker has, and calls more such jobs than may run at once."""
    slots = random.choice((None, 1, 3, HEAVY_CAP + 1))
    call = Move(do="call", key="team", kind=HEAVY, children=[_steps(random, 2) for _ in range(3)])
    moves = [*_steps(random, 1), call, *_steps(random, 1, key="after")]
    return Order("heavy", HEAVY, moves, {} if slots is None else {"slots": slots})


def _asking(random: Random) -> Order:
    asked = [Move(do="approve", key=f"may{random.randint(0, 99)}"), Move(do="ask", key=f"what{random.randint(0, 99)}")]
    if random.random() < 0.3:
        asked.append(Move(do="approve", key="silent"))
    return Order("asking", random.choice(KINDS), [*_steps(random, 1), *asked, *_steps(random, 1, key="after")])


def _mishap(random: Random) -> Order:
    """An unsafe step goes wrong, with or without having taken effect."""
    mishaps: tuple[Mishap, ...] = ("before", "after", "refused")
    step = Move(do="step", key="risky", effect="unsafe", seconds=0.2, value=7, mishap=random.choice(mishaps))
    return Order("mishap", random.choice(KINDS), [*_steps(random, 1), step, *_steps(random, 1, key="after")])


def _flaky(random: Random) -> Order:
    fail = Move(do="fail", key="flaky", times=random.randint(1, 3))
    return Order("flaky", random.choice(KINDS), [*_steps(random, 1), fail, *_steps(random, 1, key="after")])


def _hanging(random: Random) -> Order:
    """Runs into its time-out once."""
    hang = Move(do="hang", key="hang")
    options = {"timeout": TIMEOUT_S}
    return Order("hanging", random.choice(("chaos.agent", "chaos.tool")), [*_steps(random, 1), hang], options)


def _doomed(random: Random) -> Order:
    ends = frozenset({"doomed"})
    return Order("doomed", random.choice(KINDS), [*_steps(random, 1), Move(do="doom", key="doom")], ends=ends)


def _cancelled(random: Random) -> Order:
    """Withdrawn somewhere between its submission and its end, which may be sooner."""
    ends = frozenset({JobState.CANCELLED, JobState.SUCCEEDED})
    after_s = round(random.uniform(0, 4), 2)
    moves = _steps(random, 4, 0.5, 1.0)
    if random.random() < 0.5:
        moves.insert(1, Move(do="call", key="team", kind="chaos.agent", children=[_steps(random, 3, 0.5, 1.0)] * 2))
    return Order("cancelled", random.choice(KINDS), moves, ends=ends, cancel_after_s=after_s)


def _expiring(random: Random) -> Order:
    """Of no use to anybody after a while, in which it may or may not be done."""
    ends = frozenset({JobState.EXPIRED, JobState.SUCCEEDED})
    options = {"expires": round(random.uniform(1, 4), 1)}
    return Order("expiring", random.choice(KINDS), _steps(random, 4, 0.3, 0.8), options, ends)


#: What any job system can express: steps, one after the other.
PLAIN: Mix = [(_short, 90), (_long, 10)]
MIX: Mix = [
    (_short, 45),
    (_together, 8),
    (_family, 9),
    (_heavy, 8),
    (_asking, 9),
    (_mishap, 7),
    (_flaky, 7),
    (_hanging, 3),
    (_doomed, 3),
    (_cancelled, 6),
    (_expiring, 4),
    (_long, 4),
]


def _steps(
    random: Random,
    count: int,
    shortest_s: float = 0.2,
    longest_s: float = 1.5,
    *,
    key: str = "s",
) -> list[Move]:
    return [
        Move(
            do="step",
            key=f"{key}{number}",
            effect=random.choice(EFFECTS),
            seconds=round(random.uniform(shortest_s, longest_s), 2),
            value=random.randint(1, 999),
        )
        for number in range(count)
    ]
