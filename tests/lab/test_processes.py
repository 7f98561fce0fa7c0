"""Two processes on this machine train together, as two hosts would: the first one writes."""

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from jaxexit.learning.precision import FILE
from jaxexit.machine import CACHE_VARIABLE
from tests.support import tiny

UPDATES = 6


@contextmanager
def two_processes(yaml: Path, *words: str) -> Iterator[tuple[Popen[str], Popen[str]]]:
    """`train` twice, each with one device, and each told where the other is."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    cluster = ("--devices", "1", "--coordinator", f"localhost:{port}", "--num-processes", "2")
    first, second = (
        tiny.running("train", yaml, *words, *cluster, "--process-id", str(i)) for i in range(2)
    )
    with first as one, second as other:
        yield one, other


def together(yaml: Path, *words: str) -> dict:
    """What the first of two processes says as JSON."""
    with two_processes(yaml, "--json", "--quiet", *words) as (first, second):
        said, complaints = first.communicate(timeout=tiny.PATIENCE)
        nothing, others = second.communicate(timeout=tiny.PATIENCE)
    assert (first.returncode, second.returncode) == (0, 0), complaints + others
    assert nothing == ""  # only the first one speaks
    return json.loads(said)


def network(yaml: Path) -> str:
    """Hash of what the last checkpoint has learned."""
    return tiny.checkpoints_of(yaml.with_suffix(""))[-1]["sha256"]


@pytest.mark.slow
def test_two_processes_train_one_agent_as_two_devices_of_one_would(tmp_path: Path) -> None:
    yaml = tiny.write_tiny(tmp_path / "alone", updates=UPDATES)
    code, out, err = tiny.run_process("train", yaml, "--devices", "2", "--json")
    assert code == 0, err
    shared = tiny.write_tiny(tmp_path / "shared", updates=UPDATES)
    assert together(shared)["backtest"]["policies"] == json.loads(out)["backtest"]["policies"]
    assert network(shared) == network(yaml)
    lines = tiny.lines_of(shared.with_suffix("") / "metrics.jsonl")
    assert [line["update"] for line in lines] == list(range(1, UPDATES + 1))  # each written once
    provenance = json.loads((shared.with_suffix("") / "provenance.json").read_text())
    assert (provenance["devices"], provenance["processes"]) == (2, 2)


@pytest.mark.slow
def test_eight_seeds_in_two_processes_are_bit_for_bit_those_of_one(tmp_path: Path) -> None:
    yaml = tiny.write_tiny(tmp_path / "alone", updates=UPDATES)
    code, _, err = tiny.run_process("train", yaml, "--seeds", "8", "--devices", "1", "--quiet")
    assert code == 0, err
    shared = tiny.write_tiny(tmp_path / "shared", updates=UPDATES)
    together(shared, "--seeds", "8")
    assert network(shared) == network(yaml)
    (last, whole) = (tiny.lines_of(y.with_suffix("") / "metrics.jsonl")[-1] for y in (shared, yaml))
    assert last["validation_of_each"] == whole["validation_of_each"]  # played by one or the other


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_lost_process_is_said_and_both_resume_where_they_were(
    tmp_path: Path, killed: int
) -> None:
    whole = tiny.write_tiny(tmp_path / "whole", updates=400)
    together(whole)
    yaml = tiny.write_tiny(tmp_path / "cut", updates=400)
    metrics = yaml.with_suffix("") / "metrics.jsonl"
    with two_processes(yaml, "--quiet") as processes:
        tiny.wait_until(lambda: len(tiny.lines_of(metrics)) > 20)
        processes[killed].send_signal(signal.SIGKILL)
        _, said = processes[1 - killed].communicate(timeout=tiny.PATIENCE)
    assert processes[1 - killed].returncode != 0
    # JAX may end a process that has lost the first one before we can speak; it says so too.
    assert "another process of this training is gone" in said or "another task died" in said
    together(yaml, "--resume")
    assert network(yaml) == network(whole)


@pytest.mark.slow
def test_what_was_trained_on_two_devices_goes_on_with_one(tmp_path: Path) -> None:
    yaml = tiny.write_tiny(tmp_path, updates=400)
    with tiny.running("train", yaml, "--devices", "2", "--quiet") as process:
        tiny.wait_until(lambda: len(tiny.checkpoints_of(yaml.with_suffix(""))) > 1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=tiny.PATIENCE)
    code, _, err = tiny.run_process("train", yaml, "--devices", "1", "--resume", "--quiet")
    assert code == 0, err
    provenance = json.loads((yaml.with_suffix("") / "provenance.json").read_text())
    assert provenance["devices"] == 2
    assert provenance["resumed"][0]["devices"] == 1


def test_a_first_process_that_cannot_begin_stops_the_others(tmp_path: Path) -> None:
    yaml = tiny.write_tiny(tmp_path, updates=UPDATES)
    with two_processes(yaml, "--resume", "--quiet") as (first, second):
        _, said = first.communicate(timeout=tiny.PATIENCE)
        _, others = second.communicate(timeout=tiny.PATIENCE)
    assert (first.returncode, second.returncode) == (2, 2)
    assert "nothing to resume" in said
    assert "the first process has stopped" in others


@pytest.mark.slow
def test_two_processes_learn_in_the_precision_that_the_first_one_found(tmp_path: Path) -> None:
    shared = tiny.write_tiny(tmp_path / "shared", updates=UPDATES)
    together(shared, "--set", "network.precision=auto")
    used = json.loads((shared.with_suffix("") / "provenance.json").read_text())["precision"]["used"]
    yaml = tiny.write_tiny(tmp_path / "alone", updates=UPDATES)
    asked = ("--set", f"network.precision={used}", "--quiet")
    code, _, err = tiny.run_process("train", yaml, "--devices", "2", *asked)
    assert code == 0, err
    assert network(shared) == network(yaml)


@pytest.mark.slow
def test_a_run_goes_on_in_the_precision_that_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on another device: what was measured there says otherwise when the run is resumed."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "programs"))
    auto = ("--set", "network.precision=auto", "--quiet")
    yaml = tiny.write_tiny(tmp_path / "stopped", updates=400)
    with tiny.running("train", yaml, *auto) as process:
        tiny.wait_until(lambda: len(tiny.checkpoints_of(yaml.with_suffix(""))) > 1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=tiny.PATIENCE)
    used = json.loads((yaml.with_suffix("") / "provenance.json").read_text())["precision"]["used"]
    speeds = tmp_path / "programs" / FILE
    other_is_faster = [9.0, 1.0] if used == "float32" else [1.0, 9.0]
    speeds.write_text(json.dumps(dict.fromkeys(json.loads(speeds.read_text()), other_is_faster)))
    code, _, err = tiny.run_process("train", yaml, *auto, "--resume")
    assert code == 0, err
    whole = tiny.write_tiny(tmp_path / "whole", updates=400)
    asked = ("--set", f"network.precision={used}", "--quiet")
    assert tiny.run_process("train", whole, *asked)[0] == 0
    assert network(yaml) == network(whole)
