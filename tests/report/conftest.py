"""A tiny version, trained once, another to compare it with, and reports of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxexit.env import observation_size
from jaxexit.evaluate import Backtest
from jaxexit.lab.trained import open_trained
from jaxexit.lab.training import learned_policy
from jaxexit.learners import learner_of
from jaxexit.policies import make_network, network_spec
from jaxexit.report.page import write_report
from jaxexit.report.replay import replay
from jaxexit.report.run import ReportedRun, check_comparable, read_run
from tests.support import tiny

MANY = 20_000
HOSTILE = "<script>window.hacked = true</script>"
FORMULA = "=cmd|' /C calc'!A0\x1b[31m"


@pytest.fixture(scope="session")
def run(trained: tiny.Trained) -> ReportedRun:
    """v1_tiny, which the session shares, as it was trained."""
    return read_run(open_trained(trained.yaml, None), "test")


@pytest.fixture(scope="session")
def runs(run: ReportedRun) -> list[ReportedRun]:
    """The same, and v2_tiny: other guards and other weights on the same trades."""
    guards = run.experiment.guards.model_copy(update={"min_bars_for_exit": 3})
    changed = {"version": "v2_tiny", "guards": guards, "seed": 7}
    experiment = run.experiment.model_copy(update=changed)
    backtest = Backtest(experiment, run.dataset, "test")
    params = make_network(network_spec(experiment.network)).init(
        jax.random.key(7), jnp.zeros(observation_size(backtest.spec))
    )
    # Weights as drawn prefer nothing; larger ones have opinions.
    params = jax.tree.map(lambda leaf: 30 * leaf, params)
    played = backtest.play(learned_policy(experiment), params, record=True)
    assert played.records is not None
    taken, chosen = np.asarray(played.records.taken), np.asarray(played.records.chosen)
    spec, learner = backtest.spec, learner_of(experiment)
    summary = backtest.summary(played)
    other = replace(
        run,
        experiment=experiment,
        summary={**run.summary, "policies": {**run.summary["policies"], run.learned: summary}},
        tables={**run.tables, run.learned: played.table},
        decisions=replay(spec, backtest.world, learner, params, taken, chosen),
    )
    check_comparable([run, other])
    return [run, other]


@pytest.fixture(scope="session")
def page(run: ReportedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its report."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report([run], path)
    return path


@pytest.fixture(scope="session")
def compared_page(runs: list[ReportedRun], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of both versions."""
    path = tmp_path_factory.mktemp("compared") / "report.html"
    write_report(runs, path)
    return path


@pytest.fixture(scope="session")
def hostile_page(run: ReportedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report whose trades carry tags that are a script and a formula, and a name that is a script too."""
    table = run.table.assign(
        **{
            HOSTILE: HOSTILE,
            FORMULA: FORMULA,
            "setup": ["breakout", *["pullback"] * (len(run.table) - 1)],
        }
    )
    tables = {**run.tables, run.learned: table}
    command = {**run.provenance, "command": HOSTILE}
    path = tmp_path_factory.mktemp("hostile") / "report.html"
    write_report([replace(run, tables=tables, provenance=command)], path)
    return path


@pytest.fixture(scope="session")
def large_page(run: ReportedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's trades over and over, 20,000 of them."""
    times = -(-MANY // len(run.table))

    def again(table: pd.DataFrame) -> pd.DataFrame:
        many = pd.concat([table] * times, ignore_index=True).iloc[:MANY]
        return many.assign(trade_id=np.arange(MANY))

    counts = np.tile(np.diff(run.decisions.offsets), times)
    repeat = {
        "row": run.decisions.row,
        "insight": run.decisions.insight,
        "chosen": run.decisions.chosen,
    }
    decisions = run.decisions._replace(
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)[: MANY + 1],
        **jax.tree.map(lambda leaf: np.concatenate([leaf] * times), repeat),
    )
    tables = {name: again(table) for name, table in run.tables.items()}
    path = tmp_path_factory.mktemp("large") / "report.html"
    write_report([replace(run, tables=tables, decisions=decisions)], path)
    return path


@pytest.fixture(scope="session")
def driver() -> Iterator:
    """Headless Chromium; tests that need it are skipped where it is not installed."""
    pytest.importorskip("selenium", reason="needs selenium: pip install '.[test]'")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("needs headless Chromium: apt install chromium chromium-driver")
    from tests.report.browser import launch

    found = launch(chromium, chromedriver)
    yield found
    found.quit()


@pytest.fixture
def reader(driver) -> Iterator:
    """A reader whose console must stay silent."""
    from tests.report.browser import Reader

    reading = Reader(driver)
    yield reading
    assert reading.complaints() == []
