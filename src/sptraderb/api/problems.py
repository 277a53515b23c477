"""Errors as RFC 9457 problem documents: the one place that turns the error tree into HTTP.

Every failure, from an unknown path to a defect, leaves the server in one shape:
``type, title, status, detail, code, errors[]`` (and ``hint``, ``context``, ``request_id``). A caller
that asks for ``text/plain`` gets the same as text. Nothing internal leaks: a defect shows a fixed
sentence and the request id under which the log holds the rest.

References
----------
RFC 9457, Problem Details for HTTP APIs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.openapi.datastructures import ResponseSpec

from sptraderb.api.media_types import PLAIN_TEXT, PROBLEM_JSON, wants_plain_text
from sptraderb.api.payload_reading import plain_words
from sptraderb.errors import (
    CandlesUnusable,
    Conflict,
    Fault,
    InvalidInput,
    InvariantBroken,
    MoneyOverflow,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    PreconditionFailed,
    RateLimited,
    SptraderbError,
    StrategyInvalid,
    TooLarge,
    Unavailable,
)
from sptraderb.store.pool import DATABASE_DOWN
from sptraderb.telemetry import logger

_log = logger(__name__)

STATUS_OF_CLASS: Mapping[type[SptraderbError], int] = {
    InvalidInput: 400,
    StrategyInvalid: 422,
    CandlesUnusable: 422,
    MoneyOverflow: 422,
    NotFound: 404,
    Conflict: 409,
    PreconditionFailed: 412,
    NotAuthenticated: 401,
    NotPermitted: 403,
    RateLimited: 429,
    TooLarge: 413,
    Unavailable: 503,
    InvariantBroken: 500,
}
"""The status of each class; a subclass without a line takes its parent's."""

STATUS_OF_CODE: Mapping[str, int] = {
    "route.method_not_allowed": 405,
    "media_type.not_acceptable": 406,
    "media_type.unsupported": 415,
    "idempotency.key_reused": 422,
}
"""Codes whose status HTTP fixes more exactly than the class does."""

_TITLES: Mapping[int, str] = {
    400: "Invalid input",
    401: "Not authenticated",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Conflict",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    422: "Unusable input",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}
_DEFECT_DETAIL = "the server met a defect; the log holds it under this request id"


class ProblemFault(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One of several faults of one input.

    Parameters
    ----------
    code : str
        Stable code of this fault.
    message : str
        What must hold, then what was found.
    path : str
        Place inside the input, such as ``start_date`` or ``exit.stop_los``.
    line, column : int or None
        Place in a text, counted from 1.
    source : str
        The line of text the fault lies in.
    width : int
        How many characters of it are meant.
    hint : str
        What to do.
    """

    code: str
    message: str
    path: str = ""
    line: int | None = None
    column: int | None = None
    source: str = ""
    width: int = 1
    hint: str = ""


class Problem(msgspec.Struct, kw_only=True):
    """An error answer (RFC 9457).

    Parameters
    ----------
    type : str
        URI of the problem's kind: ``urn:sptraderb:error:<code>``.
    title : str
        The kind in words.
    status : int
        HTTP status.
    detail : str
        What must hold, then what was found.
    code : str
        Stable code, documented in ``docs/reference/errors.md``.
    errors : list of ProblemFault
        All faults of the input; empty where there is only the one told in ``detail``.
    hint : str
        What to do about it; absent when empty.
    context : dict
        Facts for programs, such as the ids and limits meant; absent when empty.
    request_id : str
        The id under which the server's log has this request.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ProblemFault] = []
    hint: str | msgspec.UnsetType = msgspec.UNSET
    context: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedProblem:
    """A problem ready to be sent: status, media type, headers beside it, body."""

    status: int
    media_type: str
    headers: Mapping[str, str]
    body: bytes
    code: str


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the error answers of a route for the API's description; 400 is every route's."""
    return {
        status: ResponseSpec(
            Problem,
            description=_TITLES.get(status) or HTTPStatus(status).phrase,
            media_type=PROBLEM_JSON,
            generate_examples=False,
        )
        for status in sorted({400, *statuses})
    }


def status_of(error: SptraderbError) -> int:
    """Return the HTTP status of an error: by its code where HTTP has a closer one, else by its class."""
    if error.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.code]
    for parent in type(error).__mro__:
        if parent in STATUS_OF_CLASS:
            return STATUS_OF_CLASS[parent]
    return 500


def problem_of(error: SptraderbError, *, request_id: str = "") -> Problem:
    """Return the problem document of an error."""
    status = status_of(error)
    hidden = status == 500
    return Problem(
        type=f"urn:sptraderb:error:{error.code}",
        title=_TITLES.get(status) or HTTPStatus(status).phrase,
        status=status,
        detail=_DEFECT_DETAIL if hidden else error.message,
        code=error.code,
        errors=[] if hidden else [problem_fault(fault) for fault in error.faults],
        hint=error.hint if error.hint and not hidden else msgspec.UNSET,
        context=dict(error.context) if error.context and not hidden else msgspec.UNSET,
        request_id=request_id,
    )


def render_problem(error: SptraderbError, *, accept: str, request_id: str) -> RenderedProblem:
    """Return an error as the bytes and headers to send, in the form the caller asks for."""
    problem = problem_of(error, request_id=request_id)
    if wants_plain_text(accept):
        media_type, body = PLAIN_TEXT, _plain_text(problem, error).encode()
    else:
        media_type, body = PROBLEM_JSON, msgspec.json.encode(problem, enc_hook=str)
    return RenderedProblem(
        status=problem.status,
        media_type=media_type,
        headers=_headers_of(error, problem.status),
        body=body,
        code=error.code,
    )


def handle_error(request: Request[Any, Any, Any], exc: Exception) -> Response[bytes]:
    """Answer an exception: ours as itself, the framework's translated, anything else as a defect.

    The framework calls this for every exception a handler lets out.
    """
    scope_state = request.scope["state"]
    request_id = str(scope_state.get("request_id", ""))
    error = _own_error(exc, request)
    rendered = render_problem(error, accept=request.headers.get("accept", ""), request_id=request_id)
    scope_state["error_code"] = rendered.code
    if rendered.status == 500:
        _log.error("request_failed", request_id=request_id, code=error.code, detail=str(error), exc_info=exc)
    headers = dict(rendered.headers)
    if isinstance(exc, MethodNotAllowedException) and exc.headers:
        headers["Allow"] = exc.headers.get("allow", "")
    return Response(
        rendered.body, status_code=rendered.status, headers=headers, media_type=rendered.media_type
    )


def defect(exc: BaseException) -> InvariantBroken:
    """Return the error shown for an exception nobody foresaw."""
    return InvariantBroken("server.unexpected", f"{type(exc).__name__}: {exc}")


def is_database_down(exc: BaseException) -> bool:
    """Return whether an exception means that the database is away for now."""
    return isinstance(exc, DATABASE_DOWN) and not isinstance(exc, (FileNotFoundError, PermissionError))


def _own_error(exc: Exception, request: Request[Any, Any, Any]) -> SptraderbError:
    path = request.scope["path"]
    match exc:
        case SptraderbError():
            return exc
        case NotFoundException():
            return NotFound(
                "route.not_found",
                f"the path must be one of the API's, was `{path[:200]}`",
                hint="GET /docs lists them",
            )
        case MethodNotAllowedException():
            return InvalidInput(
                "route.method_not_allowed", f"the method must be one this path has, was {request.method}"
            )
        case RequestEntityTooLarge():
            return TooLarge("body.too_large", "the body must fit the server's limit, and did not")
        case HTTPException() if exc.status_code < 500:
            faults = _framework_faults(exc.extra)
            return InvalidInput("request.invalid", _summary(exc, faults), faults=faults)
        case _ if is_database_down(exc):
            return Unavailable("database.unreachable", "PostgreSQL must answer, and does not now")
    return defect(exc)


def _summary(exc: HTTPException, faults: Sequence[Fault]) -> str:
    if not faults:
        return exc.detail
    places = ", ".join(f"`{fault.path}`" for fault in faults)
    return f"the parameters must fit the API's description, {places} did not"


def _framework_faults(extra: object) -> tuple[Fault, ...]:
    rows = extra if isinstance(extra, list) else []
    return tuple(
        Fault(
            code="request.invalid",
            message=plain_words(str(row.get("message", ""))),
            path=str(row.get("key", "")),
        )
        for row in rows
        if isinstance(row, dict)
    )


def problem_fault(fault: Fault) -> ProblemFault:
    """Return a fault as clients see it."""
    return ProblemFault(
        code=fault.code,
        message=fault.message,
        path=fault.path,
        line=fault.line,
        column=fault.column,
        source=fault.source,
        width=fault.width,
        hint=fault.hint,
    )


def _plain_text(problem: Problem, error: SptraderbError) -> str:
    if problem.status == 500:
        return f"{problem.code}: {problem.detail} ({problem.request_id})\n"
    return f"{error}\n"


def _headers_of(error: SptraderbError, status: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    if status in (429, 503):
        headers["Retry-After"] = str(error.context.get("retry_after_s", 1))
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="sptraderb"'
    return headers
