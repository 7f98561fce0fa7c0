"""`python -m jaxexit.registry`: what the registry holds, for people and for programs."""

import json
from pathlib import Path

import pytest

from jaxexit.config import load_experiment
from jaxexit.registry import main
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder

RESULT = {
    "trades": 1468,
    "net_pips_mean": -1.25,
    "net_pips_total": -1835.0,
    "sharpe_annual": None,
    "max_drawdown_pips": 2001.5,
    "win_rate": 0.381,
    "profit_factor": 0.87,
}
PROOF = {"snapshot_sha256": "a" * 64, "checkpoint_sha256": "b" * 64, "step": 131_072}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """v1_base was trained and tested once; v2_next waits."""
    base, following = tmp_path / "v1_base.yaml", tmp_path / "v2_next.yaml"
    base.write_text("description: The [base] of all.")
    following.write_text("extends: v1_base.yaml\nppo: {target_kl: null}\nguards: {mode: mask}")
    registry = Registry(tmp_path)
    for yaml in (base, following):
        registry.register(load_experiment(yaml), yaml)
    registry.finished("v1_base", "completed", trained_steps=131_072, wall_seconds=12.34)
    registry.record_test_evaluation("v1_base", {"checkpoint": "best", "sampled": False, **PROOF})
    registry.record_result("v1_base", "test", RESULT, **PROOF)
    return tmp_path


@pytest.fixture
def said(root: Path, capsys: pytest.CaptureFixture[str]):
    def said(*words: str, code: int = 0) -> str:
        """What the command prints: stdout, or stderr where it refuses."""
        assert main([*words, "--root", str(root)]) == code
        out, err = capsys.readouterr()
        printed, silent = (out, err) if code == 0 else (err, out)
        assert silent == ""
        return printed

    return said


def row_of(table: str, name: str) -> list[str]:
    """The cells of the row that begins with a name, after the mark of the active version."""
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in table.splitlines()]
    (row,) = (row for row in rows if name in row[:2])
    return row


def test_the_list_shows_status_and_test_results(said):
    table = said("list")
    assert row_of(table, "v1_base") == [
        "*", "v1_base", "completed", "-", "131,072", "1,468", "-1.25 pips", "-", "38.1%", "0.87", "-",
        "2,001.5", "all (old)",
    ]  # fmt: skip
    assert row_of(table, "v2_next") == ["", "v2_next", "pending", "v1_base", *["-"] * 8, ""]
    assert "trials so far (test evaluations, sweep settings): 1" in table


def test_the_list_as_json_is_the_registry_with_its_count_of_trials(said, root: Path):
    listed = json.loads(said("list", "--json"))
    registry = Registry(root)
    assert listed == {
        "active_version": "v1_base",
        "trials": 1,
        "versions": registry.versions(),
    }


def test_a_version_is_shown_with_its_changes_or_its_results(said):
    base = said("show", "v1_base")
    assert "completed, active" in base
    assert "The [base] of all." in base
    assert "131,072 steps in 12.3 s" in base
    assert row_of(base, "test")[1:3] == ["131,072 (bbbbbbbbbbbb)", "1,468"]
    following = said("show", "v2_next")
    assert "changes against v1_base" in following
    assert row_of(following, "guards.mode") == ["guards.mode", "penalise", "mask"]
    assert row_of(following, "ppo.target_kl") == ["ppo.target_kl", "0.015", "null"]


def test_a_version_as_json_has_its_proof(said):
    shown = json.loads(said("show", "v1_base", "--json"))
    assert (shown["version"], shown["active"], shown["path"]) == ("v1_base", True, "v1_base.yaml")
    result = shown["results"]["test"]
    assert {name: result[name] for name in PROOF} == PROOF


def test_another_version_can_be_made_the_active_one(said, root: Path):
    assert "v2_next is the active version" in said("set-active", "v2_next")
    assert Registry(root).active() == "v2_next"
    assert json.loads(said("set-active", "v1_base", "--json")) == {"active_version": "v1_base"}
    assert Registry(root).active() == "v1_base"


def test_a_version_that_is_not_there_is_told_with_the_nearest(said, root: Path):
    before = (root / "registry.json").read_bytes()
    for action in ("show", "set-active"):
        assert "no version 'v2_nxt'" in (line := said(action, "v2_nxt", code=2))
        assert "did you mean 'v2_next'?" in line
        assert line.count("\n") == 1
    assert (root / "registry.json").read_bytes() == before


def test_a_version_whose_run_was_moved_aside_and_not_begun_again_is_archived(said, root: Path):
    folder, experiment = RunFolder(root, "v1_base"), load_experiment(root / "v1_base.yaml")
    folder.begin(experiment, {"started": "2026-01-02T03:04:05Z", "data": {}})
    folder.set_aside()  # and here the process was killed
    assert row_of(said("list"), "v1_base")[2] == "archived"
    base = said("show", "v1_base")
    assert "archived, active" in base
    assert row_of(base, "v1_base.1")[:3] == ["v1_base.1", "2026-01-02T03:04:05Z", "-"]
    archived = json.loads(said("show", "v1_base", "--json"))["archived"]
    facts = {"began": "2026-01-02T03:04:05Z", "trained_steps": None, "results": {}}
    assert archived == [{"run": "v1_base.1", **facts}]


def test_a_folder_without_a_registry_is_empty_and_stays_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "new").mkdir()
    assert main(["list", "--root", str(tmp_path / "new")]) == 0
    assert "no versions yet" in capsys.readouterr().out
    assert main(["set-active", "v1_base", "--root", str(tmp_path / "new")]) == 2
    assert main(["list", "--root", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert not any((tmp_path / "new").iterdir())
