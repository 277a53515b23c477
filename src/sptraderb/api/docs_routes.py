"""``/docs``: the OpenAPI page, from assets of our own; it works without the internet.

The assets are built in by the set-up (``static/vendor``, never committed). Where they are missing
the page says so and what to do; the document itself is always at ``/docs/openapi.json``.
"""

from pathlib import Path
from typing import Any

from litestar import Request, Response, Router
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.static_files import create_static_files_router

STATIC_FOLDER = Path(__file__).parent / "static"
VENDOR_FOLDER = STATIC_FOLDER / "vendor"
NEEDED_ASSETS = ("swagger-ui-bundle.js", "swagger-ui.css")
PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class DocsPage(OpenAPIRenderPlugin):
    """The page at ``/docs``: Swagger UI, or what to do where its assets are not built."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page."""
        missing = missing_assets(VENDOR_FOLDER)
        name = "docs_missing.html" if missing else "docs.html"
        page = (STATIC_FOLDER / name).read_text(encoding="utf-8")
        return page.replace("{missing}", ", ".join(missing)).encode()


def openapi_config(*, version: str) -> OpenAPIConfig:
    """Return how the OpenAPI document is made and where it is served."""
    return OpenAPIConfig(
        title="SPtraderB API",
        version=version,
        description=(
            "Backtests of FX and crypto strategies. Errors are `application/problem+json` (RFC 9457); "
            'times are `YYYY-MM-DDTHH:MM:SSZ`; lists are bare arrays with `Link: rel="next"`.'
        ),
        use_handler_docstrings=True,
        render_plugins=[DocsPage()],
        openapi_router=Router(
            path="/docs", route_handlers=[], include_in_schema=False, after_request=_finished_page
        ),
    )


def with_summary(handler: HTTPRouteHandler) -> HTTPRouteHandler:
    """Return a route with the first sentence of its docstring as its line in the page."""
    if handler.summary is None and handler.fn.__doc__:
        handler.summary = handler.fn.__doc__.split(".\n", 1)[0].split(". ", 1)[0].strip().rstrip(".")
    return handler


def missing_assets(folder: Path) -> list[str]:
    """Return which of the page's files the set-up has not built."""
    return [name for name in NEEDED_ASSETS if not (folder / name).is_file()]


def static_routes() -> Router:
    """Return the routes under ``/static``: the pages' scripts and styles."""
    return create_static_files_router(
        path="/static", directories=[STATIC_FOLDER], include_in_schema=False, name="static"
    )


def _finished_page(response: Response[Any]) -> Response[Any]:
    # The framework answers unknown pages here with HTML of its own; every error is a problem document.
    if response.status_code == 404:
        raise NotFoundException
    response.headers["content-security-policy"] = PAGE_POLICY
    response.headers["cache-control"] = "no-cache"
    return response
