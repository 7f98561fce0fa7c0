"""Versions are compared on the same trades or not at all."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.__main__ import main
from jaxexit.lab.comparison import load_tested
from jaxexit.store.registry import Registry
from tests.support import tiny


@pytest.fixture(scope="module")
def root(guarded: tiny.Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny version, a second one whose best checkpoint is another, and one with other costs."""
    root = tmp_path_factory.mktemp("compared")
    third = guarded.copied_to(root).with_name("v3_dear.yaml")
    third.write_text("extends: v1_tiny.yaml\ncosts: {spread_pips: 2.5}\n")
    code, _, err = tiny.run("train", third, "--total-timesteps", "1024", "--quiet")
    assert code == 0, err
    return root


def compare(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["compare", *words, "--root", str(root)])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_comparison_is_the_paired_difference_of_the_two_trade_tables(
    root: Path, capsys: pytest.CaptureFixture[str]
):
    code, out, err = compare(root, capsys, "v1_tiny", "v2_guarded", "--json")
    assert (code, [line for line in err.splitlines() if "error" in line]) == (0, [])
    found = json.loads(out)
    nets = []
    for version in ("v1_tiny", "v2_guarded"):
        table = pd.read_parquet(root / version / "results" / "test" / "trades.parquet")
        nets.append(table.loc[table["policy"] == "learned", "net_pips"].to_numpy(float))
    difference = found["differences"]["v2_guarded - v1_tiny"]
    assert difference["pips"]["value"] == pytest.approx(float(np.mean(nets[1] - nets[0])))
    assert found["changes"]["v1_tiny -> v2_guarded"]["guards.min_bars_for_exit"] == [0, 3]
    assert found["spa"] is None
    trials = {one["deflated_sharpe"]["trials"] for one in found["metrics"].values()}
    assert trials == {Registry(root).trials()}  # all that was tried, whenever a version was tested
    page = (root / "COMPARISON.md").read_text()
    assert difference["verdict"] in page
    assert (root / "COMPARISON.png").read_bytes().startswith(b"\x89PNG")


def test_other_costs_are_another_question(root: Path, capsys: pytest.CaptureFixture[str]):
    code, out, err = compare(root, capsys, "v1_tiny", "v3_dear")
    assert (code, out) == (2, "")
    assert "v1_tiny and v3_dear cannot be compared" in err
    assert "costs.spread_pips" in err
    assert len(err.splitlines()) == 1


def test_a_version_without_results_says_which_command_makes_them(
    root: Path, capsys: pytest.CaptureFixture[str]
):
    code, _, err = compare(root, capsys, "v1_tiny", "v2_guarded", "--split", "validation")
    assert code == 2
    assert "no results of v1_tiny on validation; run python -m jaxexit.backtest v1_tiny" in err
    assert compare(root, capsys, "v1_tiny", "v9_nobody")[0] == 2
    code, _, err = compare(root, capsys, "v1_tiny", "v1_tiny")
    assert (code, "two different versions" in err) == (2, True)


def test_results_of_another_snapshot_are_refused(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    tested = load_tested(root, "v1_tiny", "test")
    assert tested.metrics["trades"] == len(tested.table)
    summary = root / "v1_tiny" / "results" / "test" / "summary.json"
    text = summary.read_text()
    try:
        summary.write_text(text.replace(tested.summary["snapshot_sha256"], "0" * 64))
        code, _, err = compare(root, capsys, "v1_tiny", "v2_guarded")
    finally:
        summary.write_text(text)
    assert code == 2
    assert "not the results of v1_tiny as it is frozen now" in err
