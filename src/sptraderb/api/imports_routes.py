"""``/api/candles/import`` and ``.../imports``: files of candles sent over HTTP, imported by a worker."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.exceptions import InternalServerException
from litestar.params import FromPath, QueryParameter

from sptraderb.api.context import services_of
from sptraderb.api.openapi_bodies import ImportOperation
from sptraderb.api.paging import next_link, page_limit
from sptraderb.api.problems import problem_responses
from sptraderb.api.query_names import known_query_only
from sptraderb.api.run_answers import RunErrorAnswer, error_answer
from sptraderb.api.security import identity_of
from sptraderb.api.wire_time import utc_text
from sptraderb.candles.import_job import ImportJob, ImportState
from sptraderb.candles.import_options import ImportOptions
from sptraderb.errors import InvalidInput, NotFound, NotPermitted
from sptraderb.orchestrator import import_queue
from sptraderb.orchestrator.import_queue import Upload
from sptraderb.store import import_job_rows

AnyRequest = Request[Any, Any, Any]
_SCOPE = "import"
_MAX_NAME = 255


class ImportAnswer(msgspec.Struct, kw_only=True):
    """An import and what became of it.

    Parameters
    ----------
    import_id : str
        UUID.
    state : str
        ``queued``, ``running``, ``completed``, ``failed`` or ``cancelled``.
    phase : str
        ``queued``, ``fetching``, ``unpacking``, ``reading``, ``checking``, ``storing``, ``deriving``, or the
        final state.
    progress : float
        0..100.
    file : str
        Its name, as sent.
    size_bytes : int
        Of the upload.
    created_at, started_at, finished_at : str or None
        Times.
    report : dict or None
        What became of every row, once completed.
    error : RunErrorAnswer or None
        Why it failed.
    """

    import_id: str
    state: str
    phase: str
    progress: float
    file: str
    size_bytes: int
    created_at: str
    started_at: str | None
    finished_at: str | None
    report: dict[str, Any] | None
    error: RunErrorAnswer | None


@post(
    "/api/candles/import",
    tags=["candles"],
    guards=[known_query_only],
    status_code=202,
    operation_class=ImportOperation,
    responses=problem_responses(400, 403, 413, 415, 503),
)
async def start_import(  # noqa: PLR0913  query parameters are a route's arguments
    request: AnyRequest,
    symbol: Annotated[str | None, QueryParameter(description="Where the file does not say")] = None,
    timeframe: Annotated[str | None, QueryParameter(description="1m 5m 15m 1h 4h 12h")] = None,
    timezone: Annotated[
        str | None,
        QueryParameter(description="Of the file's times: UTC, Europe/Athens, ny-close, +07:00, auto"),
    ] = None,
    side: Annotated[str | None, QueryParameter(description="bid, ask or mid")] = None,
    format_: Annotated[str | None, QueryParameter(name="format", description="Forces a layout")] = None,
    filename: Annotated[
        str | None, QueryParameter(description="The file's name, which may say symbol and timeframe")
    ] = None,
    instrument: Annotated[
        list[str] | None, QueryParameter(description="Facts of an unknown symbol as key=value, repeatable")
    ] = None,
    strict: Annotated[bool, QueryParameter(description="Refuse a file with anything imperfect")] = False,
    trust: Annotated[str | None, QueryParameter(description="verified, external or user")] = None,
    source: Annotated[str | None, QueryParameter(description="Where the file comes from")] = None,
    price_factor: Annotated[
        str | None, QueryParameter(description="A power of ten the prices are multiplied with: 0.00001")
    ] = None,
    date_order: Annotated[str | None, QueryParameter(description="Of slashed dates: dmy or mdy")] = None,
    trust_timezone: Annotated[
        bool, QueryParameter(description="Take the zone even where the FX week speaks against it")
    ] = False,
    own: Annotated[bool, QueryParameter(description="Make a series own that is adopted")] = False,
) -> Response[ImportAnswer]:
    """Take a file of candles in and queue its import; the body is the file itself, in any known layout.

    A worker imports it as a job: ask for the report where ``Location`` says. Nothing of an upload that is cut
    remains.
    """
    _require_scope(request)
    _require_bare_file(request)
    options = ImportOptions(
        symbol=_given(symbol),
        timeframe=_given(timeframe),
        timezone=_given(timezone),
        side=_given(side),
        format=_given(format_),
        instrument=_pairs(instrument or []),
        strict=strict,
        trust=_given(trust) or "user",
        source=(source or "").strip()[:_MAX_NAME],
        price_factor=_given(price_factor),
        date_order=_given(date_order),
        trust_timezone=trust_timezone,
        own=own,
        file_name=_file_name(filename),
    )
    services = services_of(request)
    limit = services.settings.max_import_bytes
    declared = request.headers.get("content-length", "")
    if declared.isdigit():
        import_queue.require_size(int(declared), limit)
    upload = Upload(pieces=_pieces(request), options=options, limit=limit)
    queued = await import_queue.submit_import(services.database_url, upload, owner=identity_of(request).owner)
    place = f"/api/candles/imports/{queued.id}"
    return Response(_answer(queued), status_code=202, headers={"location": place})


class ImportEntry(msgspec.Struct, kw_only=True):
    """An import in a list.

    Parameters
    ----------
    import_id, state, phase, progress, file, size_bytes, created_at, started_at, finished_at, error
        As the import's own route gives them.
    summary : dict or None
        Symbol, timeframe, rows read and kept, whether nothing changed, and the revision, once completed.
    """

    import_id: str
    state: str
    phase: str
    progress: float
    file: str
    size_bytes: int
    created_at: str
    started_at: str | None
    finished_at: str | None
    summary: dict[str, Any] | None
    error: RunErrorAnswer | None


@get(
    "/api/candles/imports",
    tags=["candles"],
    guards=[known_query_only],
    responses=problem_responses(400),
)
async def list_imports(
    request: AnyRequest,
    wanted: Annotated[
        str | None,
        QueryParameter(name="state", description="queued, running, completed, failed, cancelled"),
    ] = None,
    limit: Annotated[int | None, QueryParameter(description="Rows of a page, 1..1000")] = None,
    cursor: Annotated[str | None, QueryParameter(description="From a Link header")] = None,
) -> Response[list[ImportEntry]]:
    """List your imports of the last month, the newest first."""
    if wanted is not None and wanted not in set(ImportState):
        raise InvalidInput(
            "import.unknown_state", f"`state` must be one of {', '.join(ImportState)}, was `{wanted[:40]}`"
        )
    page = await import_job_rows.list_imports(
        services_of(request).pool,
        owner=identity_of(request).owner,
        state=None if wanted is None else ImportState(wanted),
        limit=page_limit(limit),
        cursor=cursor,
    )
    headers = {"cache-control": "no-store"}
    if page.next_cursor is not None:
        headers["link"] = next_link(request, page.next_cursor)
    return Response([_entry(row) for row in page.imports], headers=headers)


@get("/api/candles/imports/{import_id:str}", tags=["candles"], responses=problem_responses(404))
async def read_import(request: AnyRequest, import_id: FromPath[str]) -> Response[ImportAnswer]:
    """Give an import's state and progress, and its report or error once it has ended."""
    found = await import_job_rows.read_import(
        services_of(request).pool, _import_id(import_id), owner=identity_of(request).owner
    )
    return Response(_answer(found), headers={"cache-control": "no-store"})


@post(
    "/api/candles/imports/{import_id:str}/cancel",
    tags=["candles"],
    status_code=204,
    responses=problem_responses(403, 404, 409),
)
async def cancel_import(request: AnyRequest, import_id: FromPath[str]) -> None:
    """Cancel an import that waits or runs; the store stays as it was."""
    _require_scope(request)
    await import_queue.cancel_import(
        services_of(request).pool, _import_id(import_id), owner=identity_of(request).owner
    )


def _require_scope(request: AnyRequest) -> None:
    if _SCOPE not in identity_of(request).scopes:
        raise NotPermitted(
            "import.scope_needed", "importing candles needs the scope `import`, it is not held"
        )


def _require_bare_file(request: AnyRequest) -> None:
    name = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if name.startswith("multipart/") or name == "application/x-www-form-urlencoded":
        raise InvalidInput(
            "media_type.unsupported",
            f"the body must be the file itself, was `{name[:80]}`",
            hint="such as curl --data-binary @EURUSD_1h.csv -H 'content-type: application/octet-stream'",
        )


async def _pieces(request: AnyRequest) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except InternalServerException as error:
        raise InvalidInput(
            "import.upload_cut", "an upload must arrive whole, the connection ended"
        ) from error


def _given(text: str | None) -> str | None:
    return (text or "").strip() or None


def _file_name(text: str | None) -> str:
    return (text or "").strip().replace("\\", "/").rpartition("/")[2][:_MAX_NAME]


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput("import.bad_instrument", f"`instrument` must be key=value, was `{text[:80]}`")
        pairs[key.strip()] = value.strip()
    return pairs


def _import_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("import.not_found", f"the import must exist, `{text[:80]}` does not") from None


def _entry(row: ImportJob) -> ImportEntry:
    facts = msgspec.structs.asdict(_answer(row))
    return ImportEntry(summary=facts.pop("report"), **facts)


def _answer(row: ImportJob) -> ImportAnswer:
    return ImportAnswer(
        import_id=str(row.id),
        state=row.state.value,
        phase=row.phase,
        progress=row.progress,
        file=row.file_name,
        size_bytes=row.n_bytes,
        created_at=utc_text(row.created_at),
        started_at=None if row.started_at is None else utc_text(row.started_at),
        finished_at=None if row.finished_at is None else utc_text(row.finished_at),
        report=None if row.report is None else msgspec.json.decode(row.report),
        error=error_answer(row.error),
    )
