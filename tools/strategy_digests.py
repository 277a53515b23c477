"""Pin the outcomes of the worked strategies anew: ``python tools/strategy_digests.py ../shared/data``.

Runs every file of ``docs/strategies`` with the engine on its real candles and writes the number of trades and
the digest that ``tests/property/test_worked_strategies.py`` compares; says which changed. ``--oracle`` takes
the second engine instead, where the kernels cannot be compiled.
"""

import argparse
import json
from pathlib import Path

from sptraderb.domain.digest import outcome_digest
from sptraderb.engine.simulate import simulate
from sptraderb.oracle.replay import replay
from sptraderb.testing.worked_strategies import DIGESTS, prepared, strategy_files


def main() -> None:
    """Write the digests and say what changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder that holds `train`")
    parser.add_argument("--oracle", action="store_true", help="run the second engine")
    given = parser.parse_args()
    engine = replay if given.oracle else simulate
    before = json.loads(DIGESTS.read_text(encoding="utf-8")) if DIGESTS.exists() else {}
    found = {}
    for strategy in strategy_files():
        run = prepared(strategy, given.data)
        outcome = engine(run.plan, run.candles, run.signals, run.terms)
        found[strategy.stem] = {"trades": len(outcome.trades), "digest": outcome_digest(outcome)}
        changed = found[strategy.stem] != before.get(strategy.stem)
        print(f"{strategy.stem:20} {len(outcome.trades):5} trades  {'changed' if changed else 'same'}")
    DIGESTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
