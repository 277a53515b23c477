"""Errors as RFC 9457 documents."""

import inspect

import msgspec
import pytest

from sptraderb import errors
from sptraderb.api.problems import STATUS_OF_CLASS, problem_of, render_problem, status_of
from sptraderb.errors import Conflict, Fault, InvalidInput, InvariantBroken, RateLimited, SptraderbError

CLASSES = [
    found
    for _, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, SptraderbError) and found is not SptraderbError
]


@pytest.mark.parametrize("error_class", CLASSES)
def test_status_when_any_class_of_the_tree_then_it_has_one(error_class: type[SptraderbError]) -> None:
    """Every class of the error tree has a status of its own."""
    assert error_class in STATUS_OF_CLASS


def test_problem_when_rendered_then_it_has_the_fixed_members() -> None:
    """Type, title, status, detail, code and errors are always there."""
    error = InvalidInput(
        "body.invalid",
        "it must fit",
        hint="try",
        faults=(Fault(code="a.b", message="m", path="x", line=2, column=3),),
        limit=5,
    )
    rendered = render_problem(error, accept="*/*", request_id="r1")
    assert (rendered.status, rendered.media_type) == (400, "application/problem+json")
    assert msgspec.json.decode(rendered.body) == {
        "type": "urn:sptraderb:error:body.invalid",
        "title": "Invalid input",
        "status": 400,
        "detail": "it must fit",
        "code": "body.invalid",
        "errors": [{"code": "a.b", "message": "m", "path": "x", "line": 2, "column": 3}],
        "hint": "try",
        "context": {"limit": 5},
        "request_id": "r1",
    }


def test_problem_when_text_is_asked_for_then_text() -> None:
    """A terminal reader gets the error as the command line prints it."""
    error = InvalidInput("a.b", "it must", hint="do this")
    rendered = render_problem(error, accept="text/plain", request_id="r1")
    assert rendered.media_type == "text/plain"
    assert rendered.body == b"a.b: it must\n    do this\n"


@pytest.mark.parametrize("accept", ["*/*", "text/plain"])
def test_problem_when_a_defect_then_nothing_internal_leaks(accept: str) -> None:
    """A 5xx shows a fixed sentence and the id, not what went wrong inside."""
    error = InvariantBroken("server.unexpected", "KeyError: secret", hint="secret", path="/secret")
    rendered = render_problem(error, accept=accept, request_id="r1")
    assert rendered.status == 500
    assert b"secret" not in rendered.body
    assert b"r1" in rendered.body


def test_problem_when_http_knows_closer_then_the_code_decides() -> None:
    """A reused idempotency key is a conflict to us and 422 to clients."""
    assert status_of(Conflict("idempotency.key_reused", "x")) == 422
    assert status_of(Conflict("run.wrong_state", "x")) == 409


def test_problem_when_limited_then_it_says_when_to_return() -> None:
    """429 carries Retry-After."""
    rendered = render_problem(RateLimited("rate.limited", "x", retry_after_s=7), accept="", request_id="")
    assert rendered.headers["Retry-After"] == "7"


def test_problem_when_facts_are_no_json_then_they_become_text() -> None:
    """Facts of any type leave as text."""
    assert (
        b"'frozenset"
        not in render_problem(
            Conflict("a.b", "x", kinds=frozenset({"k"}), raw=object), accept="", request_id=""
        ).body
    )
    assert problem_of(Conflict("a.b", "x")).errors == []
