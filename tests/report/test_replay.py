"""What the report explains is what happened; what it cannot explain it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.config.features import FEATURE_RECORDS
from jaxexit.env.observation import POSITION
from jaxexit.errors import RunError
from jaxexit.lab.trained import open_trained
from jaxexit.report.groups import USER_COLUMNS, membership
from jaxexit.report.run import ReportedRun, check_comparable, read_run
from jaxexit.report.words import percent, plain, signed, typographic
from tests.support import tiny


def by_trade(run: ReportedRun, values: np.ndarray) -> np.ndarray:
    return np.add.reduceat(values.astype(float), run.decisions.offsets[:-1])


def test_decisions_add_up_to_the_trades(runs: list[ReportedRun]) -> None:
    for run in runs:
        row = run.decisions.row
        np.testing.assert_allclose(by_trade(run, row.net), run.table["net_pips"], atol=2e-3)
        costs = run.table[["spread_pips", "commission_pips", "slippage_pips", "swap_pips"]].sum(
            axis=1
        )
        np.testing.assert_allclose(by_trade(run, np.sum(row.costs, axis=0)), costs, atol=2e-3)
        assert (row.remaining[run.decisions.offsets[1:] - 1] == 0).all()
        blocked = run.table.filter(like="blocked_").sum(axis=1)
        np.testing.assert_array_equal(by_trade(run, row.fired > 0), blocked)


def test_the_greedy_policy_chose_what_it_thought_likeliest(runs: list[ReportedRun]) -> None:
    for run in runs:
        insight = run.decisions.insight
        np.testing.assert_allclose(insight.probabilities.sum(axis=1), 1.0, atol=1e-5)
        np.testing.assert_array_equal(insight.probabilities.argmax(axis=1), run.decisions.chosen)
        logs = np.log(np.maximum(insight.probabilities, 1e-30))
        np.testing.assert_allclose(
            insight.entropy, -(insight.probabilities * logs).sum(1), atol=1e-4
        )
        assert np.isfinite(insight.gradient).all()
        assert insight.gradient.max() > 0


def test_every_observation_is_in_one_group() -> None:
    names = [record.name for record in (*POSITION, *FEATURE_RECORDS)]
    assert len(names) == len(set(names))
    np.testing.assert_array_equal(membership(names)[1].sum(axis=0), 1)
    present, matrix = membership(["age", "rsi", "vix", "return_1"])
    assert present == ("age", "momentum", USER_COLUMNS)
    np.testing.assert_array_equal(matrix, [[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0]])


def test_a_result_that_the_replay_does_not_lead_to_is_refused(
    trained: tiny.Trained, tmp_path: Path
) -> None:
    yaml = trained.copied_to(tmp_path)
    trades = yaml.with_suffix("") / "results" / "test" / "trades.parquet"
    table = pd.read_parquet(trades)
    first = (table["policy"] == "learned").idxmax()
    table.loc[first, "net_pips"] += 1.0
    table.to_parquet(trades)
    with pytest.raises(RunError, match=r"1 of .* trades end otherwise") as refused:
        read_run(open_trained(yaml, None), "test")
    assert f"jaxexit.backtest {yaml} --split test" in str(refused.value)


def test_a_split_that_was_never_played_says_what_to_run(trained: tiny.Trained) -> None:
    code, out, err = tiny.run("report", trained.yaml, "--split", "validation")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert f"python -m jaxexit.backtest {trained.yaml} --split validation" in err


def test_the_command_writes_one_file_beside_the_results(
    trained: tiny.Trained, tmp_path: Path
) -> None:
    yaml = trained.copied_to(tmp_path)
    report = yaml.with_suffix("") / "results" / "test" / "report.html"
    code, out, err = tiny.run("report", yaml)
    assert code == 0, err
    assert str(report) in out
    text = report.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")


def test_versions_of_other_trades_are_not_compared(runs: list[ReportedRun]) -> None:
    run, other = runs
    fewer = {name: table.iloc[1:].reset_index(drop=True) for name, table in other.tables.items()}
    with pytest.raises(RunError, match="same trades"):
        check_comparable([run, replace(other, tables=fewer)])
    with pytest.raises(RunError, match="named twice"):
        check_comparable([run, run])


def test_a_loss_keeps_its_sign() -> None:
    assert signed(-0.3) == "\u22120.30"
    assert signed(-1234.567, 1) == "\u22121,234.6"
    assert signed(-0.004) == "0.00"
    assert signed(0.3) == "+0.30"
    assert plain(-0.3) == "\u22120.30"
    assert plain(0.3) == "0.30"
    assert percent(-0.023) == "\u22122.3%"
    assert signed(None) == "\u2013"
    assert typographic("+0.62 (95% interval -1.62 to +2.87), re-run") == (
        "+0.62 (95% interval \u22121.62 to +2.87), re-run"
    )
