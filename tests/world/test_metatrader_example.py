"""The MetaTrader 5 example of docs/live.md sees what the environment shows, and moves the stop where it does.

Its text is compiled as C++ against `terminal.h`: its arithmetic is tested, the terminal is not.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pandas as pd
import pytest

from jaxexit.config import load_experiment
from jaxexit.data import load_dataset
from jaxexit.env import (
    make_world,
    observation_names,
    observe,
    order_from_action,
    reset,
    situation,
    step,
)
from tests.data.made import bar_table, write_bars
from tests.support.tiny import REPOSITORY

SPREAD = 1.3 * 0.0001  # of the experiment and of the example's inputs
TRADES, LONGEST = 60, 30
# Prices are float32 in the environment: half a unit of their last digit, measured in a stop's distance.
IN_R = {"atol": 1e-3, "rtol": 0}
POSITION = ("unrealised", "mfe", "mae", "stop_distance")


class Played(NamedTuple):
    """One trade in the environment from decision 1 on."""

    line: str  # for the terminal
    seen: list[np.ndarray]
    stops: list[float]  # in force after each decision


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, compiled."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs g++ to compile the example")
    folder = tmp_path_factory.mktemp("terminal")
    text = (REPOSITORY / "docs" / "live.md").read_text(encoding="utf-8")
    code = text.split("```mql5\n")[1].split("```")[0]
    for pattern, instead in (
        (r"#include.*", '#include "terminal.h"'),
        (r"\binput\s+(int|double)\b", r"\1"),
        (r"InpServerToUtc = -\d+", "InpServerToUtc = 0"),  # the bars are in UTC
        (r"double &(\w+)\[\]", r"Array &\1"),
        (r"(double|MqlRates) (\w+\[\](?:, \w+\[\])*);", _arrays),
        (r"static vectorf", "vectorf"),
    ):
        code = re.sub(pattern, instead, code)
    source, program = folder / "example.cpp", folder / "example"
    source.write_text(code)
    words = [compiler, "-O1", "-w", "-I", Path(__file__).parent, "-o", program, source]
    subprocess.run(words, check=True)
    return program


def _arrays(found: re.Match[str]) -> str:
    """MQL5's dynamic arrays as vectors."""
    return f"std::vector<{found[1]}> {found[2].replace('[]', '')};"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    """The rules that the example is written for, on made bid bars: the table, then spec and world."""
    table = bar_table(rows=1800)
    bars = write_bars(tmp_path_factory.mktemp("bars"), table)
    own = [f"data.bars={bars}", "data.price_side=bid", "data.warmup=600", "data.every=7"]
    experiment = load_experiment(REPOSITORY / "experiments" / "v2_exit_guards.yaml", own)
    dataset = load_dataset(experiment)
    return table, dataset.tables["train"], *make_world(experiment, dataset, "train")


def _play(world) -> list[Played]:
    table, trades, spec, own = world
    rng = np.random.default_rng(1)

    @jax.jit
    def begin(trade):
        return reset(spec, own.params, own.market, own.trades, trade)

    @jax.jit
    def onward(state, action):
        after, outcome = step(spec, own, state, order_from_action(action))
        now = situation(spec, own.params, own.trades, after)
        return after, outcome, observe(spec, own.params, own.market, now)

    played = []
    for row in rng.integers(len(trades), size=TRADES):
        entry_bar, direction = int(trades.entry_bar[row]), int(trades.direction[row])
        state, outcome, shown = onward(begin(np.int32(row)), np.int32(0))
        seen, stops, actions = [], [], []
        while not outcome.done and len(seen) < LONGEST:
            actions.append(int(rng.choice(5, p=[0.62, 0.02, 0.12, 0.12, 0.12])))
            seen.append(np.asarray(shown))
            state, outcome, shown = onward(state, np.int32(actions[-1]))
            stops.append(float(outcome.stop))
        entry = float(table.open[entry_bar + 1]) + SPREAD * (direction > 0)
        words = [entry_bar, direction, entry, float(trades.stop[row]), len(actions), *actions]
        played.append(Played(" ".join(map(str, words)), seen, stops))
    return played


def test_the_example_sees_what_the_environment_shows_and_moves_the_stop_alike(example, world):
    table, _, spec, _ = world
    played = _play(world)
    seconds = (table.time - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)
    bars = table.assign(time=seconds).to_csv(sep=" ", header=False, index=False)
    told = f"{len(table)}\n{bars}{len(played)}\n" + "\n".join(one.line for one in played)
    out = subprocess.run([example], input=told, capture_output=True, text=True, check=True).stdout
    names = observation_names(spec)
    in_r = np.isin(names, POSITION)
    compared = moved = 0
    for one, said in zip(played, out.split("trade\n")[1:], strict=True):
        decisions = re.findall(r"saw (.*)\n(?:stop (.*)\n)?", said)
        for shown, (saw, stop), kept in zip(one.seen, decisions, one.stops, strict=True):
            found = np.clip(np.array(saw.split(), float), -10, 10)
            np.testing.assert_allclose(found[in_r], shown[in_r], **IN_R)
            np.testing.assert_allclose(found[~in_r], shown[~in_r], rtol=0, atol=1e-6)
            if stop:
                np.testing.assert_allclose(float(stop), kept, rtol=2e-7)
                moved += 1
            compared += 1
    assert compared > 200
    assert moved > 30
