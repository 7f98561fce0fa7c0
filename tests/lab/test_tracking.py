"""metrics.jsonl is the record; W&B shows it, and whatever happens to W&B, training goes on."""

import json
import os
import signal
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb.proto import wandb_internal_pb2

from jaxexit.config import Experiment, load_experiment
from jaxexit.lab.tracking import MetricsWriter, read_metrics


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "v1_mine" / "metrics.jsonl"


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    yaml = tmp_path / "v1_mine.yaml"
    yaml.write_text("seed: 3\ntracking: {project: exits, group: night, tags: [eurusd, '2017']}\n")
    return load_experiment(yaml)


def line(update: int) -> dict[str, Any]:
    return {
        "update": update,
        "env_steps": 100 * update,
        "loss": 0.1 * update,
        "action_share": {"EXIT": 0.5},
    }


def write(writer: MetricsWriter, *updates: int) -> None:
    for update in updates:
        writer.write(line(update))


def test_every_update_is_one_line_at_once(path: Path):
    writer = MetricsWriter(path)
    for update in (1, 2, 3):
        write(writer, update)
        texts = path.read_text(encoding="utf-8").splitlines()
        assert [json.loads(text) for text in texts] == [line(n) for n in range(1, update + 1)]
    writer.close()


def test_a_resumed_record_has_each_update_once(path: Path):
    writer = MetricsWriter(path)
    write(writer, 1, 2, 3, 4, 5)
    writer.close()
    writer = MetricsWriter(path, after_update=3)  # killed after 5, last checkpoint at 3
    assert [found["update"] for found in read_metrics(path)] == [1, 2, 3]
    write(writer, 4, 5, 6)
    writer.close()
    assert [found["update"] for found in read_metrics(path)] == [1, 2, 3, 4, 5, 6]
    assert [file.name for file in path.parent.iterdir()] == ["metrics.jsonl"]


def test_a_line_cut_short_by_a_kill_does_not_spoil_the_next(path: Path):
    writer = MetricsWriter(path)
    write(writer, 1, 2, 3)
    writer.close()
    path.write_bytes(path.read_bytes()[:-20])
    assert [found["update"] for found in read_metrics(path)] == [1, 2]
    writer = MetricsWriter(path, after_update=2)
    write(writer, 3)
    writer.close()
    assert read_metrics(path) == [line(1), line(2), line(3)]


def test_a_run_that_starts_over_has_a_record_of_its_own(path: Path):
    writer = MetricsWriter(path)
    write(writer, 1, 2)
    writer.close()
    writer = MetricsWriter(path)
    write(writer, 1)
    writer.close()
    assert read_metrics(path) == [line(1)]


def test_what_is_no_number_is_not_recorded_as_one(path: Path):
    writer = MetricsWriter(path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        writer.write({**line(1), "loss": float("nan")})
    writer.close()


# --- W&B -----------------------------------------------------------------------------------


@pytest.fixture
def no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a machine where nobody ever logged in to W&B."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    yield
    wandb.teardown()


def offline_records(folder: Path) -> list[Any]:
    """The records of an offline run's file: LevelDB's log format with a header of seven bytes."""
    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
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
    return records


def test_an_offline_run_holds_the_numbers_and_the_resolved_experiment(
    path: Path, experiment: Experiment, no_account: None, capfd: pytest.CaptureFixture[str]
):
    writer = MetricsWriter(path)
    writer.mirror_to_wandb(experiment, "offline", path.parent)
    write(writer, 1, 2, 3)
    writer.close()
    assert capfd.readouterr().out == ""  # stdout may be carrying JSON
    wandb.teardown()  # as at the end of the program: the service writes out what it holds
    records = offline_records(path.parent)
    (run,) = (record.run for record in records if record.WhichOneof("record_type") == "run")
    assert (run.display_name, run.project, run.run_group) == ("v1_mine", "exits", "night")
    assert sorted(run.tags) == ["2017", "eurusd"]
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["seed"] == 3
    assert config["ppo"]["learning_rate"] == 3e-4
    rows = [
        {item.key or item.nested_key[0]: json.loads(item.value_json) for item in row.history.item}
        for row in records
        if row.WhichOneof("record_type") == "history"
    ]
    shown = [{name: row[name] for name in ("_step", "update", "loss")} for row in rows]
    assert shown == [{"_step": 100 * n, "update": n, "loss": 0.1 * n} for n in (1, 2, 3)]


def test_without_an_account_there_is_one_note_and_the_record_goes_on(
    path: Path, experiment: Experiment, no_account: None, capfd: pytest.CaptureFixture[str]
):
    writer = MetricsWriter(path)
    writer.mirror_to_wandb(experiment, "online", path.parent)
    write(writer, 1, 2)
    writer.close()
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("note: W&B is off from here on") == err.count("\n") == 1
    assert read_metrics(path) == [line(1), line(2)]


def test_when_the_tracker_dies_the_record_goes_on(
    path: Path, experiment: Experiment, no_account: None, capfd: pytest.CaptureFixture[str]
):
    writer = MetricsWriter(path)
    writer.mirror_to_wandb(experiment, "offline", path.parent)
    write(writer, 1)
    children = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "wandb-core"], capture_output=True, text=True
    )
    (service,) = children.stdout.split()
    os.kill(int(service), signal.SIGKILL)
    for update in range(2, 200):
        write(writer, update)
    writer.close()
    assert read_metrics(path) == [line(update) for update in range(1, 200)]
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("note: W&B is off from here on") == 1
