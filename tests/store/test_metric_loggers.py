"""W&B and TensorBoard show metrics.jsonl, and whatever happens to them, training goes on."""

import json
import os
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
from tensorboardX.proto import event_pb2
from wandb.proto import wandb_internal_pb2

from jaxexit.config import Experiment, load_experiment
from jaxexit.store.metric_loggers import MetricLoggers, WandbLogger
from jaxexit.store.run import RunFolder
from jaxexit.store.tracking import MetricsWriter, read_metrics
from tests.store.test_tracking import line
from tests.support import tiny


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path, "v1_mine")
    found.path.mkdir()
    return found


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    yaml = tmp_path / "v1_mine.yaml"
    yaml.write_text("seed: 3\ntracking: {project: exits, group: night, tags: [eurusd, '2017']}\n")
    return load_experiment(yaml)


@pytest.fixture
def no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a machine where nobody ever logged in to W&B."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    yield
    wandb.teardown()


def logged(
    experiment: Experiment, folder: RunFolder, mode: str, *updates: int, after: int = 0
) -> None:
    """Some updates of a run that W&B logs."""
    loggers = MetricLoggers(WandbLogger(mode))
    loggers.begin(experiment, folder, 100 * after)
    writer = MetricsWriter(folder.metrics, after_update=after, loggers=loggers)
    for update in updates:
        writer.write(line(update))
    writer.close()
    loggers.finish()


def offline_runs(folder: RunFolder) -> list[list[Any]]:
    """The records of each offline run's file, the oldest first.

    They are in LevelDB's log format, after a header of seven bytes.
    """
    runs = []
    for file in sorted(folder.path.glob("wandb/offline-run-*/*.wandb")):
        data, place, record, records = file.read_bytes(), 7, b"", []
        while place + 7 <= len(data):
            left_in_block = 32768 - place % 32768
            if left_in_block < 7:
                place += left_in_block
                continue
            _, length, kind = struct.unpack("<IHB", data[place : place + 7])
            record += data[place + 7 : place + 7 + length]
            place += 7 + length
            if kind in (1, 4):  # whole, or the last part
                records.append(wandb_internal_pb2.Record.FromString(record))  # type: ignore[attr-defined]
                record = b""
        runs.append(records)
    return runs


def of_kind(records: list[Any], kind: str) -> list[Any]:
    return [getattr(r, kind) for r in records if r.WhichOneof("record_type") == kind]


def history(records: list[Any]) -> list[dict[str, Any]]:
    return [
        {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in row.item}
        for row in of_kind(records, "history")
    ]


def test_an_offline_run_holds_the_numbers_and_the_resolved_experiment(
    folder: RunFolder, experiment: Experiment, no_account: None, capfd: pytest.CaptureFixture[str]
):
    logged(experiment, folder, "offline", 1, 2, 3)
    assert capfd.readouterr().out == ""  # stdout may be carrying JSON
    wandb.teardown()  # as at the end of the program: the service writes out what it holds
    (records,) = offline_runs(folder)
    (run,) = of_kind(records, "run")
    assert (run.display_name, run.project, run.run_group) == ("v1_mine", "exits", "night")
    assert sorted(run.tags) == ["2017", "eurusd"]
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["seed"] == 3
    assert config["ppo"]["learning_rate"] == 3e-4
    shown = [{name: row[name] for name in ("_step", "update", "loss")} for row in history(records)]
    assert shown == [{"_step": 100 * n, "update": n, "loss": 0.1 * n} for n in (1, 2, 3)]
    axes = {metric.glob_name: metric.step_metric for metric in of_kind(records, "metric")}
    assert axes["*"] == "env_steps"


def test_a_resumed_run_is_the_same_run(folder: RunFolder, experiment: Experiment, no_account: None):
    logged(experiment, folder, "offline", 1, 2, 3)
    wandb.teardown()
    (folder.path / "wandb").rename(folder.path / "first")  # two of one second would share a name
    logged(experiment, folder, "offline", 3, 4, after=2)  # killed after 3, last checkpoint at 2
    wandb.teardown()
    (second,) = offline_runs(folder)
    (folder.path / "wandb").rename(folder.path / "second")
    (folder.path / "first").rename(folder.path / "wandb")
    (first,) = offline_runs(folder)
    ids = {of_kind(records, "run")[0].run_id for records in (first, second)}
    assert ids == {json.loads((folder.path / "wandb_run.json").read_text())["id"]}
    assert [row["update"] for row in history(first)] == [1, 2, 3]
    assert [row["update"] for row in history(second)] == [3, 4]
    assert history(first)[2]["loss"] == history(second)[0]["loss"]


def test_a_version_that_starts_over_is_another_run(
    folder: RunFolder, experiment: Experiment, no_account: None
):
    logged(experiment, folder, "offline", 1)
    kept = folder.path / "wandb_run.json"
    before = json.loads(kept.read_text())["id"]
    kept.unlink()  # as when --overwrite puts the whole folder aside
    logged(experiment, folder, "offline", 1)
    assert json.loads(kept.read_text())["id"] != before


def test_without_an_account_there_is_one_note_and_the_record_goes_on(
    folder: RunFolder, experiment: Experiment, no_account: None, capfd: pytest.CaptureFixture[str]
):
    logged(experiment, folder, "online", 1, 2)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("note: W&B is switched off") == err.count("\n") == 1
    assert read_metrics(folder.metrics) == [line(1), line(2)]


def test_when_the_tracker_dies_the_record_goes_on(
    folder: RunFolder, experiment: Experiment, no_account: None, capfd: pytest.CaptureFixture[str]
):
    loggers = MetricLoggers(WandbLogger("offline"))
    loggers.begin(experiment, folder, 0)
    writer = MetricsWriter(folder.metrics, loggers=loggers)
    writer.write(line(1))
    children = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "wandb-core"], capture_output=True, text=True
    )
    (service,) = children.stdout.split()
    os.kill(int(service), signal.SIGKILL)
    for update in range(2, 200):
        writer.write(line(update))
    writer.close()
    loggers.finish()
    assert read_metrics(folder.metrics) == [line(update) for update in range(1, 200)]
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("note: W&B is switched off") == 1


def events(folder: Path) -> list[Any]:
    """The events of TensorBoard's files: records of length, its check, bytes, their check."""
    found = []
    for file in sorted(folder.glob("events.*")):
        data, place = file.read_bytes(), 0
        while place < len(data):
            (length,) = struct.unpack("<Q", data[place : place + 8])
            found.append(event_pb2.Event.FromString(data[place + 12 : place + 12 + length]))  # type: ignore[attr-defined]
            place += 16 + length
    return found


@pytest.mark.slow
def test_a_trained_version_is_shown_whole_with_its_results_and_checkpoint(
    tmp_path: Path, no_account: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "staged"))
    tracking = "tracking: {wandb: offline, artifacts: true, tensorboard: true}\n"
    yaml = tiny.write_tiny(tmp_path / "runs", updates=4, more=tracking)
    code, out, err = tiny.run_process("train", yaml, "--json")
    assert code == 0
    assert "note:" not in err
    folder = RunFolder(yaml.parent, "v1_tiny")
    metrics = read_metrics(folder.metrics)
    numbers = [{k: v for k, v in at.items() if isinstance(v, int | float)} for at in metrics]
    (records,) = offline_runs(folder)

    rows = history(records)
    assert rows[-1]["test/policies._type"] == "table-file"
    own = [{k: v for k, v in row.items() if k[0] != "_" and "/" not in k} for row in rows]
    assert own == numbers
    net = json.loads(out)["backtest"]["policies"]["learned"]["net_pips_mean"]
    told = {
        item.key or item.nested_key[0]: json.loads(item.value_json)
        for part in of_kind(records, "summary")
        for item in part.update
    }
    assert told["test/net_pips_mean"] == net
    assert 0 <= told["test/blocked_share"] <= 1  # read as the tables read it
    artifacts = of_kind(records, "artifact")
    held = {a.type: {file.path for file in a.manifest.contents} for a in artifacts}
    assert {"test/summary.json", "test/trades.parquet", "test/report.html"} <= held["results"]
    assert {"experiment.yaml", "provenance.json", "README.md"} <= held["results"]
    assert any(path.endswith("manifest.json") for path in held["model"])

    shown: dict[int, dict[str, float]] = {}
    for event in events(folder.path / "tensorboard"):
        for value in event.summary.value:
            shown.setdefault(event.step, {})[value.tag] = value.simple_value
    for row in numbers[:-1]:  # the results stand beside the last one's
        assert shown[int(row["env_steps"])] == pytest.approx(
            {name: float(value) for name, value in row.items()}, rel=1e-6
        )
    last = shown[int(numbers[-1]["env_steps"])]
    assert last["test/net_pips_mean"] == pytest.approx(net)

    # Killed between its training and its backtest: who resumes it hands the result in.
    shutil.rmtree(folder.results("test"))
    assert tiny.run_process("train", yaml, "--resume")[0] == 0
    first, second = offline_runs(folder)
    assert of_kind(second, "run")[0].run_id == of_kind(first, "run")[0].run_id
    held = {a.type: {f.path for f in a.manifest.contents} for a in of_kind(second, "artifact")}
    assert {"test/summary.json", "test/report.html"} <= held["results"]
    assert of_kind(second, "exit")[0].exit_code == 0


def test_a_package_that_is_missing_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "shadow").mkdir()  # stands before the installed packages, and hides this one
    (tmp_path / "shadow" / "sitecustomize.py").write_text(
        "import importlib.util as u\nfound = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'tensorboardX' else found(name, package)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "shadow"))
    yaml = tiny.write_tiny(tmp_path / "runs", more="tracking: {tensorboard: true}\n")
    before = tiny.contents(yaml.parent)
    code, out, err = tiny.run_process("train", yaml)
    assert (code, out) == (2, "")
    assert err == (
        'error: tracking.tensorboard: needs a package; pip install "jaxexit[tensorboard]"\n'
    )
    assert tiny.contents(yaml.parent) == before
