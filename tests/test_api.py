"""jaxexit from Python: the same numbers as the commands, from tables in memory."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import jaxexit
from jaxexit import consent
from jaxexit.api import Result, Run
from jaxexit.config import load_experiment
from jaxexit.errors import UserError
from jaxexit.store.scratch import ScratchRegistry
from tests.support import tiny


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("bars")
    tiny.write_tiny(folder)
    return pd.read_csv(folder / "eurusd.csv")


@pytest.fixture(scope="module")
def run(bars: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same experiment, trained from a DataFrame; kept nowhere, beside a registry."""
    yaml = tiny.write_tiny(tmp_path_factory.mktemp("api"), updates=tiny.UPDATES)
    empty = {"schema_version": 2, "active_version": None, "versions": {}}
    (yaml.parent / "registry.json").write_text(json.dumps(empty))
    study = jaxexit.load(yaml, bars=bars, overrides={"data.bars": "eurusd.csv"})
    with ThreadPoolExecutor(1) as background:  # as an application trains beside its window
        return background.submit(study.train, progress=False).result()


@pytest.fixture(scope="module")
def result(run: Run) -> Result:
    return run.backtest("test", progress=False)


def policies(summary: dict) -> dict:
    """All numbers of a summary but what depends on looks of others."""
    return {
        name: {key: value for key, value in metrics.items() if key != "deflated_sharpe"}
        for name, metrics in summary["policies"].items()
    }


def test_a_dataframe_and_the_command_give_the_same_numbers(
    run: Run, result: Result, trained: tiny.Trained
) -> None:
    commanded = trained.folder
    lines = [tiny.lines_of(path / "metrics.jsonl") for path in (run.path, commanded)]
    ours, theirs = ([{**line, "seconds": 0} for line in some] for some in lines)
    assert len(ours) == tiny.UPDATES
    assert ours == theirs
    stored = json.loads((commanded / "results" / "test" / "summary.json").read_text())
    assert policies(result.summary) == policies(stored)
    pd.testing.assert_frame_equal(
        result.trades, pd.read_parquet(commanded / "results" / "test" / "trades.parquet")
    )


def test_tables_say_what_the_summary_says(run: Run, result: Result) -> None:
    learned = result.summary["policies"]["learned"]
    assert result.table.index[0] == "learned"
    row: Any = result.table.to_dict("index")["learned"]
    assert row["net_pips_mean"] == learned["net_pips_mean"]
    assert row["net_pips_mean_low"] == learned["intervals"]["net_pips_mean"]["low"]
    assert len(result.learned) == learned["trades"]
    assert result.learned["net_pips"].to_numpy(float).sum() == pytest.approx(
        learned["net_pips_total"]
    )
    assert result.daily["learned"].to_numpy(float).sum() == pytest.approx(
        learned["net_pips_total"], rel=1e-6
    )
    assert run.metrics.index.tolist() == list(range(1, tiny.UPDATES + 1))
    shown = result._repr_html_()
    assert "unverified" in shown
    assert f"{learned['net_pips_mean']:+.2f}" in shown


def test_a_notebooks_run_is_in_no_registry_and_its_look_counts_once(
    run: Run, result: Result
) -> None:
    home = json.loads((run.trained.yaml.parent / "registry.json").read_text())
    assert home["versions"] == {}
    looks = home["unregistered_looks"]
    assert [look["version"] for look in looks] == ["v1_tiny"]
    run.backtest("test", progress=False)  # read again, not played
    assert run.trained.registry.trials() == 1
    assert result.summary["verified"]["split"]  # nobody else had looked


def test_without_a_registry_evaluations_count_in_the_process(tmp_path: Path) -> None:
    for number in (1, 2):
        registry = ScratchRegistry(tmp_path / f"scratch_{number}", tmp_path / "experiments")
        yaml = tiny.write_tiny(tmp_path / "experiments")
        registry.register(load_experiment(yaml), yaml)
        registry.record_test_evaluation("v1_tiny", {"checkpoint_sha256": f"{number}" * 64})
        assert registry.trials() == number
        assert len(registry.test_evaluations()) == number


def test_training_does_not_look_at_the_test_split(
    bars: pd.DataFrame, tmp_path: Path, result: Result
) -> None:
    yaml = tiny.write_tiny(tmp_path, updates=tiny.UPDATES)
    named = {"data.bars": "eurusd.csv"}
    run = jaxexit.load(yaml, bars=bars, overrides=named).train(
        root=tmp_path / "runs", progress=False
    )
    row = run.trained.registry.version("v1_tiny")
    assert row["status"] == "completed"
    assert "test_evaluations" not in row
    with pytest.raises(UserError, match="no result of v1_tiny on test"):
        run.result()

    # What was a DataFrame must be given again, and be the same.
    with pytest.raises(UserError, match="DataFrame"):
        jaxexit.open_run(run.path).backtest(progress=False)
    moved = bars.assign(close=bars["close"] + 0.00001)
    with pytest.raises(UserError, match="not those it was trained on"):
        jaxexit.open_run(run.path, bars=moved).backtest(progress=False)
    again = jaxexit.open_run(run.path, bars=bars).backtest(progress=False)
    assert policies(again.summary) == policies(result.summary)


def test_runs_are_compared_by_their_names(run: Run, bars: pd.DataFrame, result: Result) -> None:
    study = jaxexit.load(
        run.trained.yaml,
        bars=bars,
        version="v2_stricter",
        overrides={"data.bars": "eurusd.csv", "guards.min_bars_for_exit": 5},
    )
    other = study.train(progress=False)
    with pytest.raises(UserError, match=r"got v1_tiny, v1_tiny, expected .* different versions"):
        run.compare(run)
    comparison = run.compare(other)
    assert comparison.table.columns.tolist() == ["v1_tiny", "v2_stricter"]
    assert "guards.min_bars_for_exit" in json.dumps(comparison.record["changes"])
    assert "v2_stricter - v1_tiny" in comparison.verdict
    assert comparison.record["trials"] == 2  # a look of each


def test_the_report_is_that_of_the_command(result: Result, tmp_path: Path) -> None:
    page = result.report(tmp_path / "report.html")
    assert page == tmp_path / "report.html"
    assert "v1_tiny" in page.read_text(encoding="utf-8")


@pytest.mark.slow  # the command's audit is this one too, and is tested in seconds beside it
def test_the_findings_of_an_audit_are_a_table(run: Run, result: Result) -> None:
    audit = run.audit(progress=False)
    assert set(audit.findings["severity"]) <= {"pass", "note", "warning", "fail"}
    assert "replay" in set(audit.findings["check"])
    kept = json.loads((run.path / "results" / "test" / "audit.json").read_text())
    assert kept["findings"] == audit.record["findings"]
    assert audit.passed == kept["passed"]


def test_overrides_are_those_of_set(tmp_path: Path) -> None:
    yaml = tiny.write_tiny(tmp_path)
    given = {
        "ppo.num_envs": 8,
        "ppo.learning_rate": 1e-5,
        "env.features": ["rsi", {"column": "vix", "center": 20, "scale": 10}],
        "data.symbol": None,
        "guards.mode": "mask",
    }
    study = jaxexit.load(yaml, overrides=given)
    assert study.experiment.ppo.num_envs == 8
    assert study.experiment.ppo.learning_rate == 1e-5
    assert study.experiment.guards.mode == "mask"
    assert jaxexit.load(yaml, overrides=study.overrides).experiment == study.experiment
    with pytest.raises(UserError, match=r"ppo\.num_envs: got 0, expected"):
        jaxexit.load(yaml, overrides={"ppo.num_envs": 0})


def test_what_is_no_table_is_one_line(tmp_path: Path) -> None:
    yaml = tiny.write_tiny(tmp_path)
    with pytest.raises(UserError, match=r"bars \(DataFrame\): got list, expected a DataFrame"):
        jaxexit.load(yaml, bars=[1, 2, 3])
    with pytest.raises(UserError, match="start"):
        jaxexit.load(yaml).train(start="resume")


def test_importing_jaxexit_waits_for_nothing() -> None:
    """The package's face is there at once; JAX, pandas and the commands come when they are needed."""
    code = (
        "import sys, jaxexit; print([m for m in ('jax', 'pandas') if m in sys.modules]);"
        "import jaxexit.train; jaxexit.load; print(type(jaxexit.train).__name__, sorted(jaxexit.__all__))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True
    )
    first, second = done.stdout.splitlines()
    assert first == "[]"
    assert second.startswith("module ")
    assert "'load'" in second
    assert "'open_run'" in second


def test_a_runs_recipe_may_be_allowed_where_the_run_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consent, "_allowed", False)
    with pytest.raises(UserError, match="allow_recipe=True"):
        consent.require("recipe.py")
    with pytest.raises(UserError, match="no run of v1_tiny"):
        jaxexit.open_run(tiny.write_tiny(tmp_path), allow_recipe=True)
    consent.require("recipe.py")
