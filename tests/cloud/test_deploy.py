"""A directory stands for the rented machine: the same scripts, a real training, a real connection cut."""

import json
import shutil
from pathlib import Path

import pytest

from jaxexit import deploy
from jaxexit.cloud import Directory, SkyPilot, adopt, make_job, task_text
from jaxexit.config import experiment_sha256, load_experiment
from jaxexit.errors import RunError
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
from tests.support import tiny

REPOSITORY = tiny.REPOSITORY


@pytest.fixture(scope="module")
def done(trained: tiny.Trained, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Directory]:
    """An experiment whose job a directory has done, going on with a run; nothing of it is home yet."""
    here = tmp_path_factory.mktemp("deploy")
    path = trained.copied_to(here / "experiments")
    machine = Directory(here / "machine")
    runs = machine.home / "runs"
    runs.mkdir(parents=True)
    for name in ("v1_tiny", "registry.json"):
        (path.parent / name).rename(runs / name)
    machine.work(make_job(path, [], device="cpu"))
    return path, machine


@pytest.mark.slow
def test_a_deployed_run_comes_home_whole_and_is_registered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny.write_tiny(tmp_path / "experiments", updates=3)
    machine = Directory(tmp_path / "machine")
    machine.work(make_job(path, [], device="cpu"))
    words = [str(path), "--cloud", f"local:{machine.home}", "--root", str(tmp_path), "--json"]
    assert deploy.main(words) == 0  # the machine has it already: it is gone on with, not repeated
    row = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert row["status"] == "completed"
    assert row["trained_steps"] == 3 * tiny.STEPS_PER_UPDATE
    assert row["deployed"]["cloud"] == f"local:{machine.home}"
    assert len(row["test_evaluations"]) == 1  # the look that was taken there counts here
    remote = tiny.contents(machine.home / "runs" / "v1_tiny" / "models")
    home = tiny.contents(tmp_path / "v1_tiny" / "models")
    assert {n: sha for n, (_, sha) in home.items()} == {n: sha for n, (_, sha) in remote.items()}
    code, _, err = tiny.run("backtest", path, "--root", tmp_path, "--quiet")
    assert (code, err) == (0, "")


def test_a_connection_cut_in_the_middle_changes_nothing_here_and_can_be_repeated(
    done: tuple[Path, Directory], tmp_path: Path
) -> None:
    path, machine = done
    experiment, root, incoming = load_experiment(path), tmp_path / "root", tmp_path / "incoming"
    folder, registry = RunFolder(root, "v1_tiny"), Registry(root)
    whole = sorted(p for p in (machine.home / "runs").rglob("*") if p.is_file())
    for keep in (1, len(whole) // 2, len(whole) - 1):
        shutil.rmtree(incoming, ignore_errors=True)
        for file in whole[:keep]:
            target = incoming / file.relative_to(machine.home / "runs")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
        with pytest.raises(RunError, match="run the same command again"):
            adopt(incoming, experiment, path, folder, registry, {})
        assert not root.exists()
    machine.pull(make_job(path, [], device="cpu"), incoming)
    metrics = incoming / "v1_tiny" / "metrics.jsonl"
    good = metrics.read_bytes()
    metrics.write_bytes(good[:-1] + b" ")
    with pytest.raises(RunError, match=r"metrics.jsonl: did not arrive whole"):
        adopt(incoming, experiment, path, folder, registry, {})
    metrics.write_bytes(good)
    adopt(incoming, experiment, path, folder, registry, {"cloud": "here"})
    assert registry.version("v1_tiny")["status"] == "completed"
    assert experiment_sha256(folder.trained_experiment(path)) == experiment_sha256(experiment)


def test_another_run_here_is_never_replaced(
    done: tuple[Path, Directory], trained: tiny.Trained, tmp_path: Path
) -> None:
    path, machine = done
    trained.copied_to(tmp_path / "root")
    provenance = tmp_path / "root" / "v1_tiny" / "provenance.json"
    facts = json.loads(provenance.read_text())
    provenance.write_text(json.dumps({**facts, "started": "2001-01-01T00:00:00+00:00"}))
    machine.pull(make_job(path, [], device="cpu"), tmp_path / "incoming")
    folder = RunFolder(tmp_path / "root", "v1_tiny")
    before = tiny.contents(folder.models)
    with pytest.raises(RunError, match="another run of it is in"):
        adopt(
            tmp_path / "incoming",
            load_experiment(path),
            path,
            folder,
            Registry(tmp_path / "root"),
            {},
        )
    assert tiny.contents(folder.models) == before


@pytest.mark.slow
def test_a_training_that_fails_there_brings_nothing_and_says_so(tmp_path: Path) -> None:
    path = tiny.write_tiny(tmp_path / "experiments")
    job = make_job(path, [], device="cpu")
    (tmp_path / "machine" / "runs").mkdir(parents=True)
    (tmp_path / "machine" / "runs" / "registry.json").write_text("{}")  # the disk there is spoilt
    with pytest.raises(RunError, match="the training failed with exit code 2"):
        Directory(tmp_path / "machine").work(job)


def test_the_dry_run_prints_a_task_that_skypilot_would_take(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a-secret-that-no-file-holds")
    words = ["experiments/v2_exit_guards.yaml", "--cloud", "vast", "--gpu", "RTX4090:1"]
    monkeypatch.chdir(REPOSITORY)
    assert deploy.main([*words, "--max-hourly-cost", "0.5", "--dry-run", "--json"]) == 0
    told = capsys.readouterr().out
    assert "a-secret-that-no-file-holds" not in told
    found = json.loads(told)
    resources = found["task"]["resources"]
    assert resources["accelerators"] == "RTX4090:1"
    assert resources["max_hourly_cost"] == 0.5
    assert resources["autostop"] == {"idle_minutes": 30, "down": True}
    assert "--secret=WANDB_API_KEY" in found["steps"][0]
    assert found["steps"][2] == "sky down --yes jaxexit-v2-exit-guards"
    assert "--resume" in found["task"]["run"]


def test_skypilots_own_parser_takes_the_task(tmp_path: Path) -> None:
    sky = pytest.importorskip("sky", reason='needs pip install "jaxexit[cloud]"')
    job = make_job(REPOSITORY / "experiments" / "v2_exit_guards.yaml", [], device="cuda")
    machine = SkyPilot("v2_exit_guards", "vast", "RTX4090:1", 0.5)
    (tmp_path / "home").mkdir()
    file = tmp_path / "task.yaml"
    file.write_text(task_text(machine.task(job, tmp_path / "home")))
    assert sky.Task.from_yaml(str(file)).name == "jaxexit-v2-exit-guards"


def test_what_cannot_be_sent_is_said_before_anything_is_rented(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny.write_tiny(tmp_path)
    for words, said in (
        (["--cloud", "vast"], "--gpu: missing"),
        (
            ["--cloud", "vast", "--gpu", "A:1", "--max-hourly-cost", "-1"],
            "expected a number above 0",
        ),
        (["--cloud", "vast", "--gpu", "A:1", "--set", "data.bars=nowhere.csv"], "no such file"),
        (["--cloud", "vast", "--gpu", "A:1", "--set", "data.bars=../x.csv"], "absolute path"),
        (["--cloud", "vast", "--gpu", "A:1", "--set", "ppo.gama=1"], "did you mean 'gamma'"),
    ):
        assert deploy.main([str(path), *words, "--dry-run"]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
