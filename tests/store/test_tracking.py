"""metrics.jsonl is the record of a run."""

import json
from pathlib import Path
from typing import Any

import pytest

from jaxexit.store.tracking import MetricsWriter, read_metrics


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "v1_mine" / "metrics.jsonl"


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
