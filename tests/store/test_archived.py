"""`--overwrite` never loses a run: the earlier one is moved aside by one rename, and stays there."""

import json
import shutil
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from jaxexit.__main__ import main
from jaxexit.config import load_experiment
from jaxexit.errors import RunError
from jaxexit.store.archived import archived_runs
from jaxexit.store.folders import archived_folders, archived_version, set_aside
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
from tests.support import tiny


def test_a_kill_before_any_change_of_a_file_leaves_the_earlier_run_whole(
    tmp_path: Path, repository: Path
):
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.kills", str(tmp_path)],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    left = json.loads(done.stdout)
    assert len(left) > 20
    assert [state for state, _ in groupby(left)] == [
        "v1_mine: completed",  # nothing has happened
        "v1_mine.1: archived",  # moved aside, and the new run has not begun
        "v1_mine.1: interrupted",
        "v1_mine.1: completed",
    ]


def test_the_first_free_number_is_taken_and_numbers_count_up(tmp_path: Path):
    run = tmp_path / "v1_mine"
    assert set_aside(run) is None
    run.mkdir()
    assert set_aside(run) is None  # an empty folder is no run
    for number in (*range(1, 12), 3):
        run.mkdir(exist_ok=True)
        (run / "notes.txt").write_text(f"the user's own, {number}")
        (tmp_path / "v1_mine.json").write_text("{}")
        if number == 3:
            shutil.rmtree(tmp_path / "v1_mine.3", ignore_errors=True)
        assert set_aside(run) == tmp_path / f"v1_mine.{number}"
        assert (tmp_path / f"v1_mine.{number}" / "notes.txt").read_text().endswith(str(number))
    names = [path.name for path in archived_folders(run)]
    assert names == [f"v1_mine.{number}" for number in range(1, 12)]


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("v2_exit_guards.1", "v2_exit_guards"),
        ("v2_exit_guards.12", "v2_exit_guards"),
        ("v2_exit_guards", None),
        ("v2_exit_guards.0", None),
        ("v2_exit_guards.yaml", None),
        ("v2_exit_guards.1.yaml", None),
        ("grid.round_0.1", None),
    ],
)
def test_the_name_of_an_archived_run_names_its_version(name: str, version: str | None):
    assert archived_version(name) == version


def test_a_run_that_was_set_aside_is_told_where_the_version_has_none(tmp_path: Path):
    yaml = tmp_path / "v1_mine.yaml"
    yaml.write_text("seed: 3\n", encoding="utf-8")
    folder, experiment = RunFolder(tmp_path, "v1_mine"), load_experiment(yaml)
    folder.begin(experiment, {"started": "first", "data": {}})
    folder.set_aside()
    with pytest.raises(
        RunError, match=r"no run of v1_mine here \(an earlier one is kept in .*\.1\)"
    ):
        folder.frozen()
    folder.check_start(experiment, "new")
    assert RunFolder(tmp_path, "v1_mine.1").frozen() == experiment


@pytest.fixture(scope="module")
def twice(trained: tiny.Trained, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A trained version that was started over with another seed, with a file of the user's in its folder."""
    yaml = trained.copied_to(tmp_path_factory.mktemp("twice"))
    (yaml.with_suffix("") / "notes.txt").write_text("mine")
    code, out, err = tiny.run("train", yaml, "--overwrite", "--seed", "1")
    assert (code, err) == (0, "")
    return yaml, out


def test_the_whole_earlier_run_stays_and_its_look_at_test_stays_counted(
    twice: tuple[Path, str], trained: tiny.Trained
):
    yaml, out = twice
    kept = yaml.parent / "v1_tiny.1"
    assert f"the earlier run is kept in {kept}" in " ".join(out.split())
    before = {name: sha for name, (_, sha) in tiny.contents(trained.folder).items()}
    after = {name: sha for name, (_, sha) in tiny.contents(kept).items()}
    assert {name: after[name] for name in before} == before
    assert (kept / "notes.txt").read_text() == "mine"
    assert not (yaml.parent / "v1_tiny" / "notes.txt").exists()
    row = Registry(yaml.parent).version("v1_tiny")
    assert row["status"] == "completed"
    assert len(row["test_evaluations"]) == 2
    assert row["results"]["test"]["deflated_sharpe"]["trials"] == 2


def test_the_registry_lists_what_was_kept(
    twice: tuple[Path, str], capsys: pytest.CaptureFixture[str]
):
    root = twice[0].parent
    (run,) = archived_runs(root, "v1_tiny")
    facts = json.loads((root / "v1_tiny.1" / "provenance.json").read_text())
    assert (run["run"], run["began"]) == ("v1_tiny.1", facts["started"])
    assert run["trained_steps"] == tiny.UPDATES * tiny.STEPS_PER_UPDATE
    summary = json.loads((root / "v1_tiny.1" / "results" / "test" / "summary.json").read_text())
    result = run["results"]["test"]
    assert result["checkpoint_sha256"] == summary["checkpoint"]["sha256"]
    assert result["net_pips_mean"] == summary["policies"]["learned"]["net_pips_mean"]
    assert main(["registry", "show", "v1_tiny", "--root", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["archived"] == [run]
    assert main(["registry", "show", "v1_tiny", "--root", str(root)]) == 0
    out = capsys.readouterr().out
    assert "v1_tiny.1" in out
    assert facts["started"] in out
    assert main(["registry", "list", "--root", str(root), "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["versions"]) == ["v1_tiny"]


@pytest.mark.slow
def test_an_archived_run_is_backtested_and_reported_and_is_not_the_versions_result(
    twice: tuple[Path, str], tmp_path: Path
):
    shutil.copytree(twice[0].parent, tmp_path, dirs_exist_ok=True)
    registry, kept = Registry(tmp_path), tmp_path / "v1_tiny.1"
    before = registry.version("v1_tiny")
    recorded = json.loads((kept / "results" / "test" / "summary.json").read_text())
    code, out, err = tiny.run("backtest", kept, "--json", "--quiet")
    assert (code, err) == (0, "")
    played = json.loads(out)
    assert played["checkpoint"] == recorded["checkpoint"]
    assert (
        played["policies"]["learned"]["net_pips_mean"]
        == (recorded["policies"]["learned"]["net_pips_mean"])
    )
    after = registry.version("v1_tiny")
    assert len(after.pop("test_evaluations")) == len(before.pop("test_evaluations")) + 1
    assert after == before
    code, out, err = tiny.run("report", "v1_tiny.1", "--root", tmp_path)
    assert (code, err) == (0, "")
    assert (kept / "results" / "test" / "report.html").is_file()
    code, _, err = tiny.run("train", kept, "--root", tmp_path)
    assert code == 2
    assert err.count("\n") == 1
    assert "v1_tiny" in err


def test_two_runs_of_a_version_are_compared(twice: tuple[Path, str], tmp_path: Path):
    shutil.copytree(twice[0].parent, tmp_path, dirs_exist_ok=True)
    names = ["v1_tiny.1", "v1_tiny", "--root", str(tmp_path)]
    code, out, err = tiny.run("compare", *names, "--json", "--quiet")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["versions"] == ["v1_tiny.1", "v1_tiny"]
    assert found["changes"] == {"v1_tiny.1 -> v1_tiny": {"seed": [0, 1]}}
