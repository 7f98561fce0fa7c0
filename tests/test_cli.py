"""Commands: whatever is wrong with the input is one line on stderr, exit code 2, and nothing is written."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.__main__ import COMMANDS, main
from jaxexit.config import dump_snapshot, load_experiment
from tests.data.made import START, bar_table, write_bars
from tests.support import tiny

Table = pd.DataFrame


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., str]:
    def refused(*words: str | Path) -> str:
        """The one line with which a command refuses, having changed nothing."""
        before = tiny.contents(tmp_path)
        code = main([str(word) for word in words])
        err = capsys.readouterr().err
        assert code == 2
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        assert tiny.contents(tmp_path) == before
        return err

    return refused


# --- the experiment ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "overrides", "says"),
    [
        ("colour: red", [], "v1_tiny.yaml: colour: unknown key"),
        ("guards: {min_bar_for_exit: 3}", [], "did you mean 'min_bars_for_exit'?"),
        ("guards: {min_bars_for_exit: three}", [], "'three', expected a whole number"),
        ("", ["gaurds.mode=mask"], "did you mean 'guards'?"),
        ("", ["ppo.target_kl=-1"], "ppo.target_kl: got -1, expected a number above 0 or null"),
        ("", ["ppo.minibatch_size=100"], "got 100, expected a divisor of num_envs x num_steps"),
        (
            "",
            ["ppo.entropy_coef_end=1"],
            "ppo.entropy_coef_end: got 1.0, expected at most its start",
        ),
        ("", ["guards.mode"], "--set guards.mode: expected section.key=value"),
    ],
)
def test_an_impossible_experiment(
    refused, tmp_path: Path, more: str, overrides: list[str], says: str
):
    yaml = tiny.write_tiny(tmp_path, more=more)
    words = [word for override in overrides for word in ("--set", override)]
    assert says in refused("train", yaml, "--root", tmp_path / "runs", *words)


def test_an_experiment_file_that_is_missing_or_empty(refused, tmp_path: Path):
    tiny.write_tiny(tmp_path)
    assert "did you mean 'v1_tiny'?" in refused("train", tmp_path / "v1_tinny.yaml")
    (tmp_path / "v3_empty.yaml").touch()
    assert "v3_empty.yaml: the file is empty" in refused("train", tmp_path / "v3_empty.yaml")


# --- the data ------------------------------------------------------------------------------


def swapped(table: Table) -> Table:
    return table.iloc[[0, 2, 1, *range(3, len(table))]]


def doubled(table: Table) -> Table:
    return table.iloc[[0, 1, 1, *range(2, len(table))]]


def upside_down(table: Table) -> Table:
    return table.assign(high=table["low"], low=table["high"])


def with_a_hole(table: Table) -> Table:
    return table.assign(close=table["close"].where(table.index != 700))


def without_high(table: Table) -> Table:
    return table.drop(columns="high")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (swapped, "row 3: time 2022-01-03 00:15:00 is earlier than the one before it"),
        (doubled, "row 3: time 2022-01-03 00:15:00 appears twice"),
        (upside_down, "row 1 (2022-01-03 00:00:00): high below low"),
        (with_a_hole, "column 'close' is 'nan' in row 701"),
        (without_high, "no column high"),
        (lambda table: table.head(0), "the file has a header and no rows"),
        (lambda table: table.head(130), "no trades in the"),
    ],
)
def test_bars_that_cannot_be(refused, tmp_path: Path, spoil: Callable[[Table], Table], says: str):
    yaml = tiny.write_tiny(tmp_path)
    write_bars(tmp_path, spoil(bar_table()))
    assert says in refused("train", yaml, "--root", tmp_path / "runs")


def test_bars_that_are_not_there(refused, tmp_path: Path):
    yaml = tiny.write_tiny(tmp_path)
    (tmp_path / "eurusd.csv").unlink()
    assert "eurusd.csv: no such file" in refused("train", yaml)
    (tmp_path / "eurusd.csv").touch()
    assert "eurusd.csv: the file is empty" in refused("train", yaml)


def test_trades_outside_the_bars(refused, tmp_path: Path):
    yaml = tiny.write_tiny(tmp_path)
    trades = tmp_path / "trades.csv"
    years_later = START + np.timedelta64(2000, "D") + np.arange(9) * np.timedelta64(1, "h")
    pd.DataFrame({"entry_time": years_later, "direction": "long"}).to_csv(trades, index=False)
    with_trades = ["--set", "data.entries=trades", "--set", f"data.trades={trades}"]
    assert "no entry time is the open of a bar" in refused("train", yaml, *with_trades)


def test_a_split_without_trades(refused, tmp_path: Path):
    yaml = tiny.write_tiny(tmp_path)
    says = refused("train", yaml, "--set", "data.split.test_start=0.99")
    assert "data.split: no trades in the test split" in says


# --- the run -------------------------------------------------------------------------------


def test_a_version_that_was_trained_is_not_trained_again(
    refused, tmp_path: Path, trained: tiny.Trained
):
    yaml = trained.copied_to(tmp_path)
    says = refused("train", yaml)
    assert "already trained" in says
    assert "--resume" in says
    assert "--overwrite" in says


def test_a_version_that_was_not_trained_has_no_backtest(refused, tmp_path: Path):
    yaml = tiny.write_tiny(tmp_path)
    assert "no run of v1_tiny here; train it first" in refused("backtest", yaml)
    assert "nothing to resume" in refused("train", yaml, "--resume")


def test_a_checkpoint_that_is_not_there(refused, tmp_path: Path, trained: tiny.Trained):
    yaml = trained.copied_to(tmp_path)
    says = refused("backtest", yaml, "--checkpoint", "77")
    assert "no checkpoint '77'; there are: " in says
    assert str(tiny.UPDATES * tiny.STEPS_PER_UPDATE) in says
    assert "expected best, final, last" in refused("backtest", yaml, "--checkpoint", "bset")


def test_a_checkpoint_of_another_experiment(refused, tmp_path: Path, trained: tiny.Trained):
    trained.copied_to(tmp_path)
    other = tiny.write_tiny(tmp_path, "v2_other", more="seed: 1\n")
    (tmp_path / "v1_tiny").rename(tmp_path / "v2_other")
    snapshot = tmp_path / "v2_other" / "experiment.yaml"
    snapshot.write_text(dump_snapshot(load_experiment(other)))
    assert "belongs to another experiment" in refused("backtest", other)


def test_a_trained_version_whose_file_was_changed(refused, tmp_path: Path, trained: tiny.Trained):
    yaml = trained.copied_to(tmp_path)
    yaml.write_text(yaml.read_text() + "reward: {time_coef: 0.7}\n")
    for words in (["backtest", yaml], ["train", yaml, "--resume"]):
        says = refused(*words)
        assert "v1_tiny is frozen since it was trained" in says
        assert "reward.time_coef 0.005 -> 0.7" in says


def test_a_trained_version_whose_bars_were_changed(refused, tmp_path: Path, trained: tiny.Trained):
    yaml = trained.copied_to(tmp_path)
    provenance = tmp_path / "v1_tiny" / "provenance.json"
    facts = json.loads(provenance.read_text())
    facts["data"]["bars"]["sha256"] = "0" * 64  # as if they had been others then
    provenance.write_text(json.dumps(facts))
    for words in (["backtest", yaml], ["train", yaml, "--resume"]):
        assert "the bars are not those it was trained on" in refused(*words)


# --- the command line ----------------------------------------------------------------------


def test_arguments_that_mean_nothing(refused, tmp_path: Path):
    yaml = tiny.write_tiny(tmp_path)
    assert "--total-timesteps" in refused("train", yaml, "--total-timesteps", "many")
    assert "invalid choice: 'next'" in refused("backtest", yaml, "--split", "next")
    assert "EXPERIMENT" in refused("train")
    assert "--resume" in refused("train", yaml, "--resume", "--overwrite")


def test_an_unknown_command_names_the_nearest(refused):
    says = refused("trian")
    assert "no command 'trian'" in says
    assert "did you mean 'train'?" in says


def test_a_root_that_cannot_be_written(refused, tmp_path: Path):
    yaml = tiny.write_tiny(tmp_path)
    (tmp_path / "taken").write_text("a file, where run folders should go")
    assert "choose another --root" in refused("train", yaml, "--root", tmp_path / "taken")


@pytest.mark.parametrize("words", [["train", "--nonsense"], ["train", "no_such_version"]])
def test_a_real_process_says_one_line_and_ends_with_2(words: list[str], tmp_path: Path):
    code, out, err = tiny.run_process(*words, "--root", tmp_path / "runs")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ")
    assert not (tmp_path / "runs").exists()


def test_help_loads_nothing_heavy(repository: Path):
    code = (
        "import sys, json; from jaxexit.__main__ import main; code = main(['--help']); heavy = "
        "('jax', 'numpy', 'pandas', 'pydantic', 'orbax', 'wandb', 'rich'); "
        "print(json.dumps([code, [name for name in heavy if name in sys.modules]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    *usage, last = done.stdout.splitlines()
    assert json.loads(last) == [0, []]
    for command in COMMANDS:
        assert any(line.split()[:1] == [command] for line in usage)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"python -m jaxexit.{command}" in capsys.readouterr().out


def test_an_internal_error_is_one_line_and_says_how_to_see_more(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    from jaxexit.commands import cli

    def breaks(argv: object) -> int:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.delenv(cli.DEBUG_VARIABLE, raising=False)
    assert cli.run(breaks) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "ZeroDivisionError: two lines" in err
    monkeypatch.setenv(cli.DEBUG_VARIABLE, "1")
    assert cli.run(breaks) == 1
    assert "Traceback" in capsys.readouterr().err
