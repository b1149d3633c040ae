"""What failures of the model and of the business database mean."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

import backdesk.platform.database
from backdesk.agents.failures import CODES, ModelFailure, is_to_be_told
from backdesk.agents.runtime.errors import _FAILURES
from backdesk.worker.attempt.classification import classify
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category, Failure, Severity
from backdesk.worker.memory.conversation import ConversationClosed, ConversationMismatch

assert backdesk.platform.database  # teaches `classify` the errors of SQLAlchemy

# The model


@pytest.mark.parametrize(
    ("code", "category", "transient"),
    [
        ("model_rate_limit", Category.RATE_LIMIT, True),
        ("model_quota", Category.RESOURCE_EXHAUSTION, False),
        ("model_auth", Category.AUTHENTICATION, False),
        ("model_unavailable", Category.NETWORK, True),
        ("model_timeout", Category.TIMEOUT, True),
        ("model_rejected", Category.VALIDATION, False),
        ("model_not_found", Category.VALIDATION, False),
        ("model_misbehaved", Category.DATA_CORRUPTION, True),
        ("model_refused", Category.DATA_CORRUPTION, True),
        ("usage_limit", Category.RESOURCE_EXHAUSTION, False),
    ],
)
def test_the_code_of_a_model_failure_says_what_it_means(code: str, category: Category, transient: bool) -> None:
    found = classify(ModelFailure(code, "no answer"))
    assert (found.code, found.category, found.transient) == (code, category, transient)


def test_every_error_of_the_agent_library_becomes_a_known_code() -> None:
    assert {code for _, code, _ in _FAILURES} | {"model_misbehaved", "quality_failed", "no_model"} == CODES


@pytest.mark.parametrize(
    "failure",
    [
        *(classify(ModelFailure(code, "no answer")) for code in sorted(CODES)),
        classify(ValueError("a mistake")),
        classify(PermissionError("a file")),
        Failure(code="http_403", message="a service", category=Category.AUTHORIZATION),
        Failure(code="budget_exceeded", message="spent", category=Category.RESOURCE_EXHAUSTION),
        Failure(code="tenant_limit_invalid", message="no number", category=Category.VALIDATION),
        Failure(code="attempt_timeout", message="too long", category=Category.TIMEOUT),
        Failure(code="poison", message="its worker was lost"),
    ],
    ids=lambda failure: failure.code,
)
def test_the_customer_is_told_of_whatever_they_cannot_help(failure: Failure) -> None:
    assert is_to_be_told(failure)


@pytest.mark.parametrize("error", [ConversationMismatch("talk"), ConversationClosed("talk")])
def test_the_caller_mends_what_is_theirs_to_mend(error: TaskError) -> None:
    assert not is_to_be_told(classify(error))
    own = TaskError("not_a_member", "You are no member.", category=Category.AUTHORIZATION)
    assert not is_to_be_told(classify(own))


def test_what_was_tried_often_enough_does_not_pass() -> None:
    assert not classify(ModelFailure("model_refused", "no", final=True)).transient


def test_a_code_without_a_meaning_is_refused() -> None:
    with pytest.raises(KeyError):
        ModelFailure("model_tired", "zzz")


@pytest.mark.parametrize("code", ["model_quota", "model_auth", "model_misbehaved", "usage_limit"])
def test_what_a_person_must_look_at_is_grave(code: str) -> None:
    assert ModelFailure(code, "no answer").severity is Severity.HIGH


def test_the_wait_that_a_provider_asks_for_reaches_the_failure() -> None:
    assert classify(ModelFailure("model_rate_limit", "slow down", 7.0)).retry_after_s == 7


def test_a_model_failure_survives_pickling_with_all_it_says() -> None:
    error = ModelFailure("model_rate_limit", "slow down", 7.0)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(copy), vars(copy)) == (ModelFailure, vars(error))


# The business database


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(
        f"sqlite:///{tmp_path / 'shop.db'}",
        connect_args={"timeout": 0},
        poolclass=QueuePool,
        pool_size=2,
        max_overflow=0,
        pool_timeout=0,
    )
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)"))
    yield engine
    engine.dispose()


def found_in(connection: Connection, statement: str) -> Failure:
    with pytest.raises(SQLAlchemyError) as caught:
        connection.execute(text(statement))
    return classify(caught.value)


def test_a_database_that_is_locked_is_tried_again(engine: Engine) -> None:
    with engine.connect() as one, engine.connect() as other:
        one.exec_driver_sql("BEGIN IMMEDIATE")
        found = found_in(other, "INSERT INTO orders VALUES (1, '')")
    assert (found.category, found.transient) == (Category.NETWORK, True)


def test_a_row_that_breaks_a_rule_is_not_tried_again(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO orders VALUES (1, '')"))
        found = found_in(connection, "INSERT INTO orders VALUES (1, '')")
    assert (found.category, found.transient) == (Category.DATA_CORRUPTION, False)


@pytest.mark.parametrize("statement", ["SELECT * FROM nowhere", "SLECT 1"])
def test_a_statement_that_is_wrong_is_no_outage(engine: Engine, statement: str) -> None:
    with engine.connect() as connection:
        assert found_in(connection, statement).category is Category.UNKNOWN


def test_a_disk_that_is_full_is_critical_and_tried_again(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 2")
        found = found_in(connection, "INSERT INTO orders VALUES (1, hex(randomblob(100000)))")
    assert (found.category, found.severity, found.transient) == ("resource_exhaustion", Severity.CRITICAL, True)


def test_a_pool_without_a_connection_to_give_is_tried_again(engine: Engine) -> None:
    with engine.connect(), engine.connect(), pytest.raises(SQLAlchemyError) as caught:
        engine.connect()
    found = classify(caught.value)
    assert (found.category, found.transient) == (Category.RESOURCE_EXHAUSTION, True)


@pytest.mark.parametrize(("lost", "category"), [(True, Category.NETWORK), (False, Category.UNKNOWN)])
def test_a_connection_that_was_lost_is_an_outage(lost: bool, category: Category) -> None:
    error = DBAPIError("SELECT 1", None, Exception("server closed the connection"), connection_invalidated=lost)
    assert classify(error).category is category
