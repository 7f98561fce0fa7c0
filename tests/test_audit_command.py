"""`python -m jaxexit.audit`: findings for people and for programs, and the exit code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jaxexit.audit import main
from tests.support import tiny

FIELDS = {"check", "severity", "what", "where", "size", "advice"}
CHECKS = ["replay", "look-ahead", "foresight", "warm-up", "fills", "degeneracy", "null"]


@pytest.fixture
def audit(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def audit(*words: str | Path) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return audit


def change(path: Path, alter: Callable[[Any], None]) -> None:
    """Edit a JSON file as somebody might by hand."""
    content = json.loads(path.read_text())
    alter(content)
    path.write_text(json.dumps(content))


def test_a_trained_version_is_audited_and_nothing_is_written(trained: tiny.Trained, audit):
    before = tiny.contents(trained.yaml.parent)
    code, out, err = audit(trained.yaml, "--json")
    assert code == 0, err
    record = json.loads(out)
    assert (record["version"], record["split"], record["passed"]) == ("v1_tiny", "test", True)
    found = record["findings"]
    assert list(dict.fromkeys(finding["check"] for finding in found)) == CHECKS
    assert all(finding.keys() == FIELDS for finding in found)
    assert not [finding for finding in found if finding["severity"] == "fail"]
    # 100 bars of history are not enough for an average of 50.
    assert any("set data.warmup to" in finding["advice"] for finding in found)
    assert "audit of v1_tiny on test" in err, "the table is on stderr while stdout carries JSON"
    assert tiny.contents(trained.yaml.parent) == before


def test_the_same_seed_finds_the_same(trained: tiny.Trained, audit):
    first, second = (audit(trained.yaml, "--json", "--quiet", "--seed", 3)[1] for _ in range(2))
    assert first == second


def test_a_result_improved_by_hand_is_a_failure(trained: tiny.Trained, tmp_path: Path, audit):
    yaml = trained.copied_to(tmp_path / "copy")

    def improve(summary: Any) -> None:
        summary["policies"]["learned"]["net_pips_mean"] += 1.0

    change(yaml.with_suffix("") / "results" / "test" / "summary.json", improve)
    code, out, err = audit(yaml, "--json")
    assert code == 1
    assert "1 FAILED: the result is not real" in err
    record = json.loads(out)
    (failure,) = (finding for finding in record["findings"] if finding["severity"] == "fail")
    assert not record["passed"]
    assert failure["what"] == "the recorded result does not replay"
    assert failure["size"].startswith("net_pips_mean ")


def test_a_result_of_another_checkpoint_is_a_failure(trained: tiny.Trained, tmp_path: Path, audit):
    yaml = trained.copied_to(tmp_path / "copy")

    def exchange(registry: Any) -> None:
        registry["versions"]["v1_tiny"]["results"]["test"]["checkpoint_sha256"] = "0" * 64

    change(tmp_path / "copy" / "registry.json", exchange)
    code, out, _ = audit(yaml, "--json", "--quiet")
    assert code == 1
    failures = [f for f in json.loads(out)["findings"] if f["severity"] == "fail"]
    assert [finding["size"] for finding in failures] == ["differs: checkpoint in registry.json"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--split", "validation"], "no result to audit; run python -m jaxexit.backtest"),
        (["--seed", "-1"], "--seed: found -1, allowed is 0 to"),
        (["--split", "tset"], "invalid choice: 'tset'"),
    ],
)
def test_what_cannot_be_audited_is_one_line(
    trained: tiny.Trained, audit, words: list[str], says: str
):
    code, _, err = audit(trained.yaml, "--quiet", *words)
    assert code == 2
    assert err.startswith("error: ")
    assert says in err
    assert err.count("\n") == 1
