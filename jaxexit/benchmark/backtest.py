"""`benchmark backtest`: the trades of a split under every policy, and against backtesting.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxexit import checkout
from jaxexit.benchmark.job import make_job
from jaxexit.benchmark.timing import Stopwatch, timed
from jaxexit.config import load_experiment
from jaxexit.data import Dataset
from jaxexit.data.features import resolve_features
from jaxexit.data.simulated import realistic, to_dataset
from jaxexit.evaluate import Backtest
from jaxexit.lab.summaries import judged
from jaxexit.lab.training import learned_policy
from jaxexit.policies import CLASSICAL
from jaxexit.store.provenance import package_version
from jaxexit.store.verification import verification

TRADES, EVERY, HORIZON = 1_681, 75, 200
BEFORE = 420  # trades of the training and validation splits, which nothing here plays
STOP_PIPS, TARGET_PIPS = 20.0, 30.0
RUNS = 5
PEER = "benchmarks.exits"
Say = Callable[[str], None]


def made_dataset(features: Any, trades: int = TRADES) -> Dataset:
    """A made market of quarter hours whose test split has so many trades, each with stop and target."""
    count = BEFORE + trades
    bars = count * EVERY + 100 + HORIZON
    made = realistic(
        np.random.default_rng(0), bars, every=EVERY, horizon=HORIZON, stop_pips=(STOP_PIPS,)
    )
    rows = made.trades.iloc[:count]
    reach = TARGET_PIPS * made.bars.unit.size
    rows = rows.assign(target=rows["entry_price"] + rows["direction"] * reach)
    half = 0.5 * BEFORE / count
    return to_dataset(replace(made, trades=rows), features, train=half, validation=half)


def measure(yaml: Path, *, say: Say) -> dict[str, Any]:
    """The record of `benchmark backtest`. The network is a fresh one: it decides as fast as a trained one."""
    experiment = load_experiment(yaml, [f"env.max_bars={HORIZON}"])
    say("making the market")
    dataset = made_dataset(resolve_features(experiment.env.features))
    backtest = Backtest(experiment, dataset, "test")
    params = make_job(experiment, dataset).initial().params
    policy = learned_policy(experiment)
    say("tuning the baselines on train")
    tuned = Backtest(experiment, dataset, "train").tuned()

    def play() -> dict[str, Any]:
        learned = backtest.play(policy, params, record=True)
        return {policy.name: learned, **dict(backtest.baselines(learned.table, tuned))}

    known = verification([dataset.origin], None, split="test", looks=0)

    def judge() -> Any:
        return judged(backtest, played, tuned, {"trials": 1, "trial_sharpes": []}, known)

    say("playing, compiling")
    first, played = timed(play)
    timed(judge)
    classical = Stopwatch(
        {
            "play": play,
            "judge": judge,
            "classical": lambda: backtest.play(CLASSICAL, ()),
        }
    )
    for number in range(RUNS):
        classical.round(lambda name, n=number: say(f"{name}, {n + 1} of {RUNS}"))
    record = {
        "trades": len(played[policy.name].table),
        "bars": len(dataset.times),
        "policies": list(played),
        "first_seconds": first,
        "play_seconds": classical["play"].as_json(),
        "judge_seconds": classical["judge"].as_json(),
        "classical_seconds": classical["classical"].as_json(),
        "backtesting_py": None,
    }
    if checkout.available(PEER) and package_version("backtesting") is not None:
        say("backtesting.py")
        exits = checkout.load(PEER, "backtesting.py")
        seconds, same = exits.against(dataset, backtest.play(CLASSICAL, ()).table, HORIZON)
        record["backtesting_py"] = {
            "version": package_version("backtesting"),
            "seconds": seconds.as_json(),
            "over_ours": seconds.median / classical["classical"].median,
            "same_exit_bar": same,
        }
    return record
