"""A client of the HTTP and WebSocket API, as any other program would be one; the demo acts through it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from sptraderb.errors import Conflict, InvalidInput, NotFound, SptraderbError, StrategyInvalid, Unavailable

_KINDS: Mapping[int, type[SptraderbError]] = {
    400: InvalidInput,
    404: NotFound,
    409: Conflict,
    422: StrategyInvalid,
}
_ASK_EVERY_S = 0.05


class ApiClient:
    """One server, spoken to.

    Parameters
    ----------
    address : str
        Such as ``http://127.0.0.1:3001``.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._http = httpx.AsyncClient(base_url=self.address, timeout=60.0, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def is_ready(self) -> bool:
        """Return whether the server answers, with its database and queue."""
        try:
            answer = await self._http.get("/ready")
        except httpx.TransportError:
            return False
        return answer.is_success

    async def wait_until_ready(self) -> None:
        """Ask until the server is ready; the caller sets the time limit."""
        while not await self.is_ready():
            await asyncio.sleep(_ASK_EVERY_S)

    async def save_strategy(self, name: str, text: str) -> int:
        """Store a strategy's YAML text; return the HTTP status: 201 new, 200 known.

        Raises
        ------
        StrategyInvalid
            With all faults, if the text is refused.
        """
        answer = await self._ask(
            "POST",
            f"/api/strategies/{name}",
            content=text.encode(),
            headers={"content-type": "application/yaml"},
        )
        return answer.status_code

    async def start_run(self, body: Mapping[str, object]) -> str:
        """Submit a backtest; return its id.

        Raises
        ------
        InvalidInput, NotFound, StrategyInvalid
            As the server answers.
        """
        answer = await self._ask("POST", "/api/backtest/run", json=dict(body))
        return str(answer.json()["backtest_id"])

    async def follow(self, run_id: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the run's progress frames from its WebSocket until the run is over.

        A connection that breaks is opened again; frames already seen are not sent twice.
        """
        url = f"{self.address.replace('http', 'ws', 1)}/ws/backtest/{run_id}"
        seen = ""
        while True:
            try:
                async with connect(url + seen, proxy=None, max_size=None) as socket:
                    async for message in socket:
                        frame = json.loads(message)
                        seen = f"?last_event_id={frame.get('event_id', 0)}"
                        yield frame
                return
            except ConnectionClosedError:
                await asyncio.sleep(_ASK_EVERY_S)

    async def read_results(self, run_id: str) -> dict[str, Any]:
        """Return the result document of a finished run."""
        answer = await self._ask("GET", f"/api/backtest/{run_id}/results")
        document: dict[str, Any] = answer.json()
        return document

    async def read_status(self, run_id: str) -> dict[str, Any]:
        """Return the status object of a run."""
        answer = await self._ask("GET", f"/api/backtest/{run_id}/status")
        status: dict[str, Any] = answer.json()
        return status

    async def read_candles(self, symbol: str, timeframe: str, **bounds: str) -> list[dict[str, Any]]:
        """Return candles as the API gives them; ``bounds`` are ``start`` and ``end``, RFC 3339, optional."""
        named = {"symbol": symbol, "timeframe": timeframe}
        named |= {{"start": "from", "end": "to"}[key]: value for key, value in bounds.items()}
        answer = await self._ask("GET", "/api/candles", params=named)
        candles: list[dict[str, Any]] = answer.json()
        return candles

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **more)
        except httpx.TransportError as error:
            raise Unavailable(
                "server.unreachable", f"the server must answer at {self.address}, it did not: {error}"
            ) from error
        if answer.is_success:
            return answer
        raise _to_error(answer)


def _to_error(answer: httpx.Response) -> SptraderbError:
    try:
        problem = answer.json()
        code, detail = str(problem["code"]), str(problem.get("detail") or problem["title"])
    except (ValueError, KeyError, TypeError):
        code, detail = "server.unexpected_answer", f"the server answered {answer.status_code}"
        problem = {}
    faults = [str(fault.get("message", "")) for fault in problem.get("errors", []) if isinstance(fault, dict)]
    kind = _KINDS.get(answer.status_code, Unavailable)
    return kind(code, detail, hint="; ".join(filter(None, faults)))
