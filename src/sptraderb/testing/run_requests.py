"""Builders of run requests and results for tests."""

from typing import Any

import msgspec

from sptraderb.domain.backtest import BacktestRequest
from sptraderb.domain.result_columns import ColumnChunk
from sptraderb.store.result_rows import StoredResult, pack_chunks, pack_document


def build_request(**changes: Any) -> BacktestRequest:
    """Return a plausible request, with some fields changed."""
    fields: dict[str, Any] = {
        "strategy_name": "ma_crossover",
        "strategy_text": "name: ma_crossover\n",
        "symbols": ("EURUSD",),
        "timeframe": "1h",
        "start_s": 1_483_228_800,
        "end_s": 1_485_907_200,
        "initial_capital": "10000.00",
        "parameters": {"fast": "10"},
        "tags": ("nightly",),
    }
    return BacktestRequest(**fields | changes)


def build_result(*, n_chunks: int = 1, rows_per_chunk: int = 4) -> StoredResult:
    """Return a result whose table ``trades`` has one int64 column that counts up."""
    chunks = [
        ColumnChunk(
            table="trades",
            number=number,
            first_row=number * rows_per_chunk,
            n_rows=rows_per_chunk,
            data=b"".join(
                row.to_bytes(8, "little")
                for row in range(number * rows_per_chunk, (number + 1) * rows_per_chunk)
            ),
        )
        for number in range(n_chunks)
    ]
    return StoredResult(
        summary=msgspec.json.encode({"total_trades": n_chunks * rows_per_chunk}),
        document=pack_document(b'{"z":1,"a":2}'),
        digest="ab" * 32,
        chunks=pack_chunks(chunks),
    )
