"""Soak of live advice: the command itself, fed through pipes at full speed, trades opening and closing.

    python benchmarks/advise_soak.py EXPERIMENT --seconds 7200 --json soak.json
    python benchmarks/advise_soak.py --draw soak.json --picture docs/images/advise_soak.png
    python benchmarks/advise_soak.py EXPERIMENT --grid      # a bar's cost by open trades and by history

`python -m jaxexit.advise EXPERIMENT --history ... --bars - --state ...` runs as a process of its own.
Latency of a bar is the time from writing its line until its answers are read; beside it the processor time
that the process used, which other load on the machine hardly changes, and its resident memory. Nothing is
waited for between bars.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.store.files import replacing

PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20  # MiB
TICK = 1.0 / os.sysconf("SC_CLK_TCK")  # seconds
CLOSED_BY_HAND = 40  # bars between trades that are closed otherwise than advised
KNOWN, OPEN = (1_000, 10_000, 100_000, 1_000_000), (1, 30, 300, 1_000)  # of the grid
WARM, MEASURED = 5, 40  # bars
MIDDLE = 1.1  # price to which the walk is drawn back

Line = dict[str, Any]


def made_bars() -> Iterator[Line]:
    """M15 bars of both sides without end: a random walk that is drawn back to its beginning."""
    walk, close = random.Random(1), MIDDLE
    start = np.datetime64("1990-01-01T00:00")
    for number in range(sys.maxsize):
        opened = close
        close += walk.gauss(0, 3e-4) - 1e-4 * (close - MIDDLE)
        high = max(opened, close) + abs(walk.gauss(0, 1e-4))
        low = min(opened, close) - abs(walk.gauss(0, 1e-4))
        bar: Line = {"time": str(start + np.timedelta64(15 * number, "m"))}
        for side, more in (("bid", 0.0), ("ask", 1e-4)):
            for field, value in zip(
                ("open", "high", "low", "close"), (opened, high, low, close), strict=True
            ):
                bar[f"{side}_{field}"] = round(value + more, 6)
        yield bar


def trade(number: int, bar: Line) -> Line:
    """A trade that is opened in this bar, long and short in turn, its stop a half to one percent away."""
    side = 1 if number % 2 else -1
    stop = bar["bid_open"] * (1 - side * (0.005 + 0.001 * (number % 6)))
    direction = "long" if side > 0 else "short"
    entry = {"entry_time": bar["time"], "direction": direction}
    return {"trade": f"t{number}", **entry, "stop": round(stop, 5)}


class Service:
    """The command, its answers counted by kind.

    Attributes:
        open: names of the trades that it follows, oldest first.
        said: how many lines of each type; `complaints`: the first errors and warnings among them.
    """

    def __init__(self, experiment: str, history: Path, state: Path) -> None:
        """Start it and wait until it is ready."""
        words = [experiment, "--history", str(history), "--bars", "-", "--state", str(state)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jaxexit.advise", *words],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.open: dict[str, None] = {}
        self.said: Counter[str] = Counter()
        self.complaints: list[str] = []
        self._line = 0
        assert self.process.stdout is not None
        assert '"ready"' in self.process.stdout.readline()

    def ask(self, line: Line) -> float:
        """Send a line and read its answers: seconds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._line += 1
        text = json.dumps({**line, "line": self._line}) + "\n"
        start, texts = time.perf_counter(), []
        self.process.stdin.write(text)
        self.process.stdin.flush()
        while True:
            texts.append(self.process.stdout.readline())
            if texts[-1].startswith('{"type":"answered"') or not texts[-1].endswith("\n"):
                break
        took = time.perf_counter() - start
        answers = [json.loads(text) for text in texts]
        assert answers[-1] == {"type": "answered", "line": self._line}
        for answer in answers:
            self._note(answer)
        return took

    def _note(self, answer: Line) -> None:
        self.said[answer["type"]] += 1
        if answer["type"] == "closed" or answer.get("code") == "forgotten":
            del self.open[answer["trade"]]
        elif answer["type"] == "advice":
            self.open[answer["trade"]] = None
        elif answer["type"] in ("error", "warning") and len(self.complaints) < 20:
            self.complaints.append(json.dumps(answer))

    def used(self) -> tuple[float, float]:
        """Processor time so far in seconds, and resident memory in MiB."""
        folder = Path(f"/proc/{self.process.pid}")
        stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        resident = int((folder / "statm").read_text().split()[1]) * PAGE
        return (int(stat[11]) + int(stat[12])) * TICK, resident

    def used_exactly(self) -> float:
        """Processor time so far of the threads that are there, seconds; for one that waits for a line."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) * 1e-9

    def end(self) -> int:
        """Close its input: the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait()


class Slices:
    """What was measured, a piece of the way each, in a file that is whole at any time."""

    def __init__(self, path: Path, service: Service, facts: Line) -> None:
        self._path, self._service, self._facts = path, service, facts
        self._began = time.monotonic()
        self._processor = service.used()[0]
        self._latency: list[float] = []
        self._bars = 0
        self.rows: list[Line] = []

    def bar(self, latency: float) -> None:
        """Note a bar."""
        self._latency.append(latency)

    def cut(self, opened: int, **more: Any) -> None:
        """End a slice, say it and write all of them."""
        processor, resident = self._service.used()
        milliseconds = 1e3 * np.array(self._latency)
        self._bars += len(milliseconds)
        row = {
            "seconds": round(time.monotonic() - self._began, 1),
            "bars": self._bars,
            "median_ms": round(float(np.median(milliseconds)), 3),
            "q99_ms": round(float(np.quantile(milliseconds, 0.99)), 3),
            "most_ms": round(float(milliseconds.max()), 3),
            "processor_ms_a_bar": round(1e3 * (processor - self._processor) / len(milliseconds), 3),
            "resident_mib": round(resident, 1),
            "open": len(self._service.open),
            "opened": opened,
        }
        self._processor, self._latency = processor, []
        self.rows.append(row)
        print(" ".join(f"{key}={value}" for key, value in row.items()), flush=True)
        whole = {
            **self._facts,
            "said": dict(self._service.said),
            "complaints": self._service.complaints,
            **more,
            "slices": self.rows,
        }
        with replacing(self._path) as temporary:
            temporary.write_text(json.dumps(whole, indent=1), encoding="utf-8")


def soak(arguments: argparse.Namespace, folder: Path) -> None:
    """Feed bars until the time is over."""
    bars = made_bars()
    history, state = folder / "history.csv", folder / "state"
    pd.DataFrame([next(bars) for _ in range(arguments.history)]).to_csv(history, index=False)
    service = Service(arguments.experiment, history, state)
    facts = {"history": arguments.history, "kept_open": arguments.open}
    slices = Slices(arguments.json, service, facts)
    began = last = time.monotonic()
    opened = 0
    for number, bar in enumerate(bars, 1):
        lacking = arguments.open - len(service.open)
        if lacking > 0:
            service.ask({"open": [trade(opened + n, bar) for n in range(lacking)]})
            opened += lacking
        if number % CLOSED_BY_HAND == 0 and service.open:
            service.ask({"close": next(iter(service.open))})
        slices.bar(service.ask(bar))
        now = time.monotonic()
        if now - last > arguments.slice or now - began > arguments.seconds:
            slices.cut(opened, ended=now - began > arguments.seconds)
            last = now
        if now - began > arguments.seconds:
            break
    code = service.end()
    print(f"exit code {code}; state of {state.stat().st_size / 2**20:.1f} MiB")


def grid(experiment: str, folder: Path) -> None:
    """A bar's processor time and latency, median, for every number of open trades and bars of history."""
    print(
        "| bars of history | open trades | processor, ms | written to read, ms | opening one, ms |"
    )
    print("| ---: | ---: | ---: | ---: | ---: |")
    for known in KNOWN:
        bars, history = made_bars(), folder / "history.csv"
        pd.DataFrame([next(bars) for _ in range(known)]).to_csv(history, index=False)
        service = Service(experiment, history, folder / f"state_{known}")
        last, opened = next(bars), 0
        service.ask(last)
        for count in OPEN:
            measured, opening = [], []
            for _ in range(WARM + MEASURED):
                before = service.used_exactly()
                while lacking := count - len(service.open):
                    service.ask({"open": [trade(opened + n, last) for n in range(lacking)]})
                    opening.append((service.used_exactly() - before) / lacking)
                    opened += lacking
                last = next(bars)
                before = service.used_exactly()
                latency = service.ask(last)
                measured.append((service.used_exactly() - before, latency))
            processor, latency = 1e3 * np.median(measured[WARM:], axis=0)
            each = 1e3 * np.median(opening)
            print(
                f"| {known:,} | {count:,} | {processor:.1f} | {latency:.1f} | {each:.1f} |",
                flush=True,
            )
        service.end()


def draw(record: Line, picture: Path) -> None:
    """Latency, processor time, memory and open trades over time."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rows = pd.DataFrame(record["slices"])
    at = rows["seconds"] / 60
    figure, axes = plt.subplots(4, 1, figsize=(9, 9), sharex=True, layout="constrained")
    axes[0].plot(at, rows["q99_ms"], color="tab:orange", label="99 %")
    axes[0].plot(at, rows["median_ms"], color="tab:blue", label="median")
    axes[0].set(ylabel="a bar, written to read, ms", yscale="log")
    axes[0].legend()
    panels = (
        ("processor_ms_a_bar", "processor time a bar, ms"),
        ("resident_mib", "resident memory, MiB"),
        ("open", "open trades"),
    )
    for axis, (column, words) in zip(axes[1:], panels, strict=True):
        axis.plot(at, rows[column])
        axis.set(ylabel=words, ylim=(0, 1.1 * rows[column].max()))
    axes[-1].set(xlabel="minutes")
    for axis in axes:
        axis.grid(alpha=0.3)
    last = rows.iloc[-1]
    axes[0].set_title(
        f"{last['seconds'] / 3600:.2f} hours: {last['bars']:,.0f} bars, {last['opened']:,.0f} trades opened, "
        f"{record['said']['advice']:,} pieces of advice"
    )
    figure.savefig(picture, dpi=110)


def main() -> None:
    """Run it, or draw what was run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", nargs="?")
    parser.add_argument("--seconds", type=float, default=7_200.0)
    parser.add_argument("--slice", type=float, default=30.0, help="seconds of a slice")
    parser.add_argument("--history", type=int, default=2_000)
    parser.add_argument("--open", type=int, default=100, help="trades that are kept open")
    parser.add_argument("--json", type=Path, default=Path("soak.json"), help="where slices go")
    parser.add_argument("--grid", action="store_true", help="a table instead")
    parser.add_argument("--draw", type=Path, metavar="JSON", help="draw what is there so far")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/advise_soak.png"))
    arguments = parser.parse_args()
    if arguments.draw is not None:
        draw(json.loads(arguments.draw.read_text(encoding="utf-8")), arguments.picture)
        return
    if arguments.experiment is None:
        parser.error("an experiment is needed")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.grid:
            grid(arguments.experiment, Path(folder))
            return
        soak(arguments, Path(folder))


if __name__ == "__main__":
    main()
