"""Soak and latency of live advice: simulated bars at full speed, trades opening and closing all the time.

    python benchmarks/advise_soak.py EXPERIMENT --bars 100000 --open 100 --picture docs/images/advise_soak.png

Latency is measured around `Advisor.on_bar` with the answer written as JSON; memory is the resident set of the
process. Nothing is waited for between bars.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxexit import machine

PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20  # MiB


def made_bars(count: int, seed: int) -> pd.DataFrame:
    """A random walk of M15 bars, both sides."""
    random = np.random.default_rng(seed)
    close = np.clip(1.1 + np.cumsum(random.normal(0, 3e-4, count)), 0.5, 5.0)
    opened = np.r_[close[:1], close[:-1]]
    high = np.maximum(opened, close) + np.abs(random.normal(0, 1e-4, count))
    low = np.minimum(opened, close) - np.abs(random.normal(0, 1e-4, count))
    table: dict[str, Any] = {"time": pd.date_range("1990-01-01", periods=count, freq="15min")}
    for side, more in (("bid", 0.0), ("ask", 1e-4)):
        for field, values in zip(
            ("open", "high", "low", "close"), (opened, high, low, close), strict=True
        ):
            table[f"{side}_{field}"] = values + more
    return pd.DataFrame(table)


def resident() -> float:
    """Memory of this process, MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def main() -> None:
    """Run it, print a line each 5 % of the way, and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment")
    parser.add_argument("--bars", type=int, default=100_000)
    parser.add_argument("--history", type=int, default=2_000)
    parser.add_argument("--open", type=int, default=100, help="trades that are kept open")
    parser.add_argument("--state", help="with a state in this file")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--seconds", type=float, default=7_200.0, help="stop after so long")
    arguments = parser.parse_args()
    machine.prepare_jax("cpu")
    from jaxexit.live.advisor import Advisor
    from jaxexit.live.lines import written

    table = made_bars(arguments.history + arguments.bars, seed=1)
    advisor = Advisor(arguments.experiment, state=arguments.state)
    advisor.on_bars(table.iloc[: arguments.history])
    coming = table.iloc[arguments.history :]
    times = coming["time"].astype(str).tolist()
    latency, memory, count, advice, opened = [], [], [], 0, 0
    began = time.monotonic()
    for i in range(len(coming)):
        bar = coming.iloc[i].to_dict() | {"time": times[i]}
        lacking = arguments.open - len(advisor.open_trades)
        trades = [
            {
                "trade": f"t{opened + n}",
                "entry_time": times[i],
                "direction": ("long", "short")[(opened + n) % 2],
            }
            for n in range(min(lacking, 1 + lacking // 10))
        ]
        opened += len(trades)
        start = time.perf_counter()
        advisor.open_many(trades)
        answer = [written(line) for line in advisor.on_bar(bar)]
        latency.append(time.perf_counter() - start)
        advice += len(answer)
        count.append(len(advisor.open_trades))
        memory.append(resident() if i % 50 == 0 else memory[-1])
        if (i + 1) % max(1, len(coming) // 20) == 0:
            recent = 1e3 * np.array(latency[-len(coming) // 20 :])
            print(
                f"{i + 1:,} bars, {opened:,} trades opened, {count[-1]:,} open, {advice:,} lines: median "
                f"{np.median(recent):.1f} ms, 99 % {np.quantile(recent, 0.99):.1f} ms, {memory[-1]:.0f} MiB",
                flush=True,
            )
        if time.monotonic() - began > arguments.seconds:
            break
    if arguments.picture is not None:
        draw(arguments.picture, np.array(latency), np.array(memory), np.array(count))


def draw(path: Path, latency: np.ndarray, memory: np.ndarray, count: np.ndarray) -> None:
    """Latency, memory and open trades by bar."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 1, figsize=(9, 7), sharex=True, layout="constrained")
    size = max(1, len(latency) // 200)
    kept = len(latency) // size * size
    pieces = 1e3 * latency[:kept].reshape(-1, size)
    at = np.arange(len(pieces)) * size
    axes[0].plot(at, np.median(pieces, axis=1), label="median")
    axes[0].plot(at, np.quantile(pieces, 0.99, axis=1), label="99 %", alpha=0.7)
    axes[0].set(ylabel="ms a bar", ylim=(0, None))
    axes[0].legend()
    axes[1].plot(memory)
    axes[1].set(ylabel="memory, MiB", ylim=(0, None))
    axes[2].plot(count, linewidth=0.5)
    axes[2].set(ylabel="open trades", xlabel="bars fed", ylim=(0, None))
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
