"""`benchmark data`: files of bars and trades to device arrays, and that memory is O(bars + trades)."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxexit import machine
from jaxexit.benchmark.processes import in_a_process

SIZES = ((250_000, 3_500), (500_000, 7_000), (500_000, 14_000))  # bars, trades
LOADS = 3
Say = Callable[[str], None]


def write_files(folder: Path, bars: int, trades: int) -> list[str]:
    """A made market as files; the `--set` words of an experiment that reads them."""
    import numpy as np

    from jaxexit.data.export import as_trade_list, bar_table, write_csv, write_parquet
    from jaxexit.data.simulated import realistic
    from jaxexit.data.simulated.realistic import LEAD

    horizon = 200
    every = (bars - LEAD - horizon) // trades
    made = realistic(np.random.default_rng(0), bars, every=every, horizon=horizon)
    write_parquet(bar_table(made.bars, ("bid", "ask")), folder / "bars.parquet")
    kept = made.trades.iloc[:trades]
    write_csv(as_trade_list(kept, made.bars), folder / "trades.csv")
    return [
        f"data.bars={folder / 'bars.parquet'}",
        "data.entries=trades",
        f"data.trades={folder / 'trades.csv'}",
        "data.warmup=0",
        f"env.max_bars={horizon}",
    ]


def measure(yaml: Path, *, device: str | None, say: Say) -> dict[str, Any]:
    """The record of `benchmark data`: each size loaded in a process of its own."""
    sizes = []
    for bars, trades in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            say(f"writing {bars:,} bars, {trades:,} trades")
            words = write_files(Path(folder), bars, trades)
            say(f"loading {bars:,} bars, {trades:,} trades")
            measured = in_a_process(__name__, [yaml, device or machine.DEFAULT_DEVICE, *words])
        sizes.append({"bars": bars, "trades": trades, **measured})
    return {"sizes": sizes}


def main(words: list[str]) -> None:
    """Load a dataset again and again, and print what it took as one JSON object."""
    yaml, device, *overrides = words
    machine.prepare_jax(None if device == machine.DEFAULT_DEVICE else device)

    import jax

    from jaxexit.benchmark.machine import peak_memory
    from jaxexit.benchmark.timing import Timing, timed
    from jaxexit.config import load_experiment
    from jaxexit.data import load_dataset

    experiment = load_experiment(Path(yaml), overrides)
    before = peak_memory()

    def load() -> Any:
        dataset = load_dataset(experiment)
        return dataset.market, dataset.splits

    first, (market, splits) = timed(load)
    peak = peak_memory()
    again = Timing(tuple(timed(load)[0] for _ in range(LOADS)))
    measured = {
        "first_seconds": first,
        "seconds": again.as_json(),
        "market_bytes": sum(leaf.nbytes for leaf in jax.tree.leaves(market)),
        "trades_bytes": sum(leaf.nbytes for leaf in jax.tree.leaves(splits)),
        "trades_kept": sum(len(split.entry_bar) for split in splits.values()),
        "process_peak_bytes": peak,
        "process_peak_bytes_before": before,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1:])
