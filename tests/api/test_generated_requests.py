"""Requests made from the OpenAPI document: whatever comes in, the answer is one that is described.

A bounded run: a few examples for each operation, the same ones each time.
"""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sptraderb.api.app import create_app
from sptraderb.testing.services import empty_tables, open_test_services, serve_on_free_port
from sptraderb.testing.stored_candles import store_bars, wavy_bars

N_EXAMPLES = 6
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


class ServerThread:
    """A server in a thread with a loop of its own, for a client that is not asynchronous."""

    def __init__(self, database_url: str, data_dir: Path) -> None:
        self._place = (database_url, data_dir)
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self.address = ""
        self.document: dict[str, Any] = {}

    async def _serve(self) -> None:
        await empty_tables(self._place[0])
        async with open_test_services(*self._place) as services:
            await store_bars(services.pool, wavy_bars(50))
            app = create_app(services)
            async with serve_on_free_port(app) as address:
                self.address = address
                self.document = msgspec.json.decode(msgspec.json.encode(app.openapi_schema.to_schema()))
                self._ready.set()
                await self._stop.wait()

    def __enter__(self) -> "ServerThread":
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="module")
def server(kept_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    """One server for all operations."""
    with ServerThread(kept_database_url, tmp_path_factory.mktemp("data")) as running:
        yield running


def test_operations_when_called_with_generated_data_then_answers_are_as_described(
    server: ServerThread,
) -> None:
    """No generated request meets a 5xx, an undescribed status, media type or shape."""
    schema = schemathesis.openapi.from_dict(server.document)
    n_operations = 0
    failures: list[Exception] = []
    for result in schema.get_all_operations():
        try:
            _try_operation(result.ok(), server.address)
        except Exception as failure:
            failures.append(failure)
        n_operations += 1
    if failures:
        raise ExceptionGroup(f"{len(failures)} operations failed", failures)
    assert n_operations == sum(
        method in {"get", "post", "delete"} for item in server.document["paths"].values() for method in item
    )


def _try_operation(operation: Any, address: str) -> None:
    @settings(
        max_examples=N_EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def call(case: Any) -> None:
        case.call_and_validate(base_url=f"http://{address}", checks=CHECKS)

    call()
