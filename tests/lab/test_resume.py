"""A run that is stopped and resumed ends as if nothing had happened: bit for bit.

Kills at any moment: `test_crashes`. Signals from outside: `tests.world.test_terminals`.
"""

import json
import shutil
import signal
import socket
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from jaxexit.__main__ import main
from jaxexit.lab.agents import AgentBatch
from jaxexit.store.registry import Registry
from tests.support import tiny


class Stopped(NamedTuple):
    """What was there after a process had ended early."""

    code: int
    err: str
    status: str
    updates_recorded: int
    last_step: int


class Story(NamedTuple):
    """A run in two sessions: Ctrl-C, and to the end."""

    folder: Path
    asked: Stopped
    end: tuple[int, str, str]


def _stop(yaml: Path, root: Path, after: int) -> Stopped:
    """Train until an update is done, and press Ctrl-C."""
    advance, done = AgentBatch.advance, []

    def interrupted(agents: AgentBatch) -> dict:
        done.append(advance(agents))
        if len(done) == after:
            signal.raise_signal(signal.SIGINT)
        return done[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AgentBatch, "advance", interrupted)
        code, _, err = tiny.run("train", yaml, "--root", root)
    folder = root / "v1_tiny"
    return Stopped(
        code=code,
        err=err,
        status=Registry(root).version("v1_tiny")["status"],
        updates_recorded=len(tiny.lines_of(folder / "metrics.jsonl")),
        last_step=tiny.checkpoints_of(folder)[-1]["step"],
    )


@pytest.fixture(scope="module")
def story(trained: tiny.Trained, tmp_path_factory: pytest.TempPathFactory) -> Story:
    root = tmp_path_factory.mktemp("story")
    return Story(
        folder=root / "v1_tiny",
        asked=_stop(trained.yaml, root, 3),
        end=tiny.run("train", trained.yaml, "--root", root, "--resume", "--json"),
    )


def test_ctrl_c_saves_and_says_how_to_go_on(story: Story):
    asked = story.asked
    assert asked.code == 130
    assert 3 <= asked.updates_recorded < tiny.UPDATES
    assert asked.last_step == asked.updates_recorded * tiny.STEPS_PER_UPDATE
    assert asked.err.splitlines() == [
        f"stopped after {asked.last_step:,} steps, and saved; continue with the same command and --resume"
    ]
    assert asked.status == "interrupted"


def test_the_resumed_run_ends_with_the_same_checkpoint_bit_for_bit(
    story: Story, trained: tiny.Trained
):
    code, _, err = story.end
    assert (code, trained.code) == (0, 0), err
    straight = {m["step"]: m["sha256"] for m in tiny.checkpoints_of(trained.folder)}
    resumed = {m["step"]: m["sha256"] for m in tiny.checkpoints_of(story.folder)}
    last = tiny.UPDATES * tiny.STEPS_PER_UPDATE
    assert resumed[last] == straight[last]
    assert resumed == straight  # the best one too


def test_the_resumed_run_has_the_same_record_without_a_gap_or_a_repetition(
    story: Story, trained: tiny.Trained
):
    straight, resumed = (
        [
            {name: value for name, value in line.items() if name != "seconds"}
            for line in tiny.lines_of(folder / "metrics.jsonl")
        ]
        for folder in (trained.folder, story.folder)
    )
    assert [line["update"] for line in resumed] == list(range(1, tiny.UPDATES + 1))
    assert resumed == straight


def test_the_resumed_run_earns_the_same_on_test(story: Story, trained: tiny.Trained):
    assert json.loads(story.end[1])["backtest"] == json.loads(trained.out)["backtest"]
    row = Registry(story.folder.parent).version("v1_tiny")
    assert row["status"] == "completed"
    assert row["trained_steps"] == tiny.UPDATES * tiny.STEPS_PER_UPDATE
    assert len(row["test_evaluations"]) == 1


def test_a_run_killed_before_its_pointers_were_written_gets_them_on_resume(
    tmp_path: Path, trained: tiny.Trained, capsys: pytest.CaptureFixture[str]
):
    yaml = trained.copied_to(tmp_path)
    pointers = [tmp_path / "v1_tiny" / "models" / f"{name}.json" for name in ("best", "final")]
    before = [pointer.read_text() for pointer in pointers]
    # The copy is beside its own YAML file, which names the same bars.
    for pointer in pointers:
        pointer.unlink()
    assert main(["train", str(yaml), "--resume", "--quiet"]) == 0
    assert [pointer.read_text() for pointer in pointers] == before
    assert capsys.readouterr().err == ""


# --- what a run leaves behind --------------------------------------------------------------

POLICY_KEYS = {
    "trades", "gross_pips_mean", "net_pips_mean", "net_pips_total", "win_rate", "profit_factor",
    "sharpe_annual", "max_drawdown_pips", "bars_held_mean", "exit_share_by_bar", "exit_reasons",
    "actions", "blocked",
}  # fmt: skip
BASELINES = {
    "leave_at_once", "hold_to_horizon", "fixed_time", "classical", "atr_trailing",
    "break_even_then_trail", "random", "oracle",
}  # fmt: skip


def test_the_backtest_as_json(trained: tiny.Trained, tmp_path: Path, capsys):
    yaml = trained.copied_to(tmp_path)
    assert main(["backtest", str(yaml), "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    summary = json.loads(out)
    assert err == ""
    assert {"version", "split", "checkpoint", "policies"} <= set(summary)
    assert (summary["version"], summary["split"]) == ("v1_tiny", "test")
    assert set(summary["checkpoint"]) == {"step", "sha256"}
    assert set(summary["policies"]) == {"learned", *BASELINES}
    for policy in summary["policies"].values():
        assert set(policy) >= POLICY_KEYS
    # The same best checkpoint, played again, earns the same; and it is what train itself reported. Only
    # that somebody has looked twice by now makes its Sharpe ratio worth less.
    first = json.loads(trained.out)["backtest"]
    trials = [
        one["policies"]["learned"].pop("deflated_sharpe")["trials"] for one in (first, summary)
    ]
    assert trials == [1, 2]
    assert summary == first
    assert len(Registry(tmp_path).version("v1_tiny")["test_evaluations"]) == 2


def test_another_look_is_counted_and_does_not_replace_the_versions_result(
    trained: tiny.Trained, tmp_path: Path
):
    yaml = trained.copied_to(tmp_path)
    folder, registry = tmp_path / "v1_tiny", Registry(tmp_path)
    headline = {p.name: p.read_bytes() for p in (folder / "results" / "test").iterdir()}
    registered = registry.version("v1_tiny")["results"]
    assert main(["backtest", str(yaml), "--checkpoint", "final", "--sample", "--quiet"]) == 0
    assert {p.name: p.read_bytes() for p in (folder / "results" / "test").iterdir()} == headline
    row = registry.version("v1_tiny")
    assert row["results"] == registered
    looks = [(look["checkpoint"], look["sampled"]) for look in row["test_evaluations"]]
    assert looks == [("best", False), ("final", True)]
    other = json.loads((folder / "results" / "test_final_sampled" / "summary.json").read_text())
    assert (other["which"], other["sampled"]) == ("final", True)


def test_a_result_that_cannot_be_counted_is_not_seen(
    trained: tiny.Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    yaml = trained.copied_to(tmp_path)
    (tmp_path / "registry.json").write_text("not a registry")
    assert main(["backtest", str(yaml), "--checkpoint", "final", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "registry.json: cannot be read" in err
    assert not (tmp_path / "v1_tiny" / "results" / "test_final").exists()


def test_resuming_a_finished_run_shows_its_result_and_counts_nothing(
    trained: tiny.Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    yaml = trained.copied_to(tmp_path)
    before = Registry(tmp_path).version("v1_tiny")
    last = max(tmp_path.glob("v1_tiny/models/step_*"), key=lambda p: int(p.name.split("_")[1]))
    for file in (last / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    assert main(["train", str(yaml), "--resume", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["backtest"] == json.loads(trained.out)["backtest"]
    assert Registry(tmp_path).version("v1_tiny") == before


def test_what_a_kill_after_the_training_left_unsaid_is_said_on_resume(
    trained: tiny.Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    yaml = trained.copied_to(tmp_path)
    registry = Registry(tmp_path)
    before, content = registry.version("v1_tiny"), registry.load()
    row = content["versions"]["v1_tiny"]
    row |= {"status": "running", "process": {"pid": 1, "host": socket.gethostname()}}
    for name in ("results", "trained_steps", "wall_seconds"):
        row.pop(name)
    registry.path.write_text(json.dumps(content))
    assert registry.version("v1_tiny")["status"] == "interrupted"
    assert main(["train", str(yaml), "--resume", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["backtest"] == json.loads(trained.out)["backtest"]
    after = registry.version("v1_tiny")
    assert 0 < after.pop("wall_seconds") <= before.pop("wall_seconds")
    for one in (before, after):
        one["results"]["test"].pop("evaluated")
        one.pop("process", None)
    assert after == before


def test_a_damaged_checkpoint_is_refused_before_anything_is_written(
    trained: tiny.Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    yaml = trained.copied_to(tmp_path)
    folder = tmp_path / "v1_tiny"
    *_, last, end = sorted(tiny.checkpoints_of(folder), key=lambda m: m["step"])
    shutil.rmtree(folder / "models" / f"step_{end['step']}")  # as if it had been killed before
    (folder / "models" / "final.json").unlink()
    for file in (folder / "models" / f"step_{last['step']}" / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert main(["train", str(yaml), "--resume", "--quiet"]) == 2
    assert "is damaged" in capsys.readouterr().err
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == written


def test_every_policy_plays_the_same_trades_once(trained: tiny.Trained):
    results = trained.folder / "results" / "test"
    trades = pd.read_parquet(results / "trades.parquet")
    assert set(trades["policy"]) == {"learned", *BASELINES}
    of_learned = trades.loc[trades["policy"] == "learned", "trade_id"].to_list()
    assert len(set(of_learned)) == len(of_learned)
    for _, played in trades.groupby("policy"):
        assert played["trade_id"].to_list() == of_learned
    summary = json.loads((results / "summary.json").read_text())
    assert summary == {"schema_version": 1, **json.loads(trained.out)["backtest"]}
    assert (results / "guard_stats.parquet").is_file()


def test_the_run_folder_says_where_it_came_from(trained: tiny.Trained):
    facts = json.loads((trained.folder / "provenance.json").read_text())
    assert facts["data"]["bars"]["rows"] == 1500
    assert facts["seed"] == 0
    assert facts["packages"]["jax"]
    assert str(trained.yaml) in facts["command"]
    assert json.loads(trained.out)["training"]["trained_steps"] == (
        tiny.UPDATES * tiny.STEPS_PER_UPDATE
    )


def test_the_metrics_have_every_update_and_validate_when_asked(trained: tiny.Trained):
    lines = tiny.lines_of(trained.folder / "metrics.jsonl")
    assert [line["update"] for line in lines] == list(range(1, tiny.UPDATES + 1))
    assert [line["env_steps"] for line in lines] == [
        update * tiny.STEPS_PER_UPDATE for update in range(1, tiny.UPDATES + 1)
    ]
    validated = [line["update"] for line in lines if "validation_net_pips_mean" in line]
    assert validated == [3, 6, 9, 12, 15, 18, 20]
    scores = [line.get("validation_net_pips_mean", -1e9) for line in lines]
    best = json.loads((trained.folder / "models" / "best.json").read_text())["step"]
    assert best == lines[scores.index(max(scores))]["env_steps"]
