"""`python -m jaxexit.audit`: findings for people and for programs, and the exit code."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

from jaxexit.audit import main
from jaxexit.truth.audit import null
from tests.support import tiny

FIELDS = {"check", "severity", "what", "where", "size", "advice"}
CHECKS = ["replay", "look-ahead", "foresight", "inputs", "warm-up", "fills", "degeneracy", "null"]
# What an audit writes: its findings beside the result, and what it verified.
WRITTEN = {
    "v1_tiny/results/test/audit.json",
    "v1_tiny/README.md",
    "registry.json",
    "registry.journal.jsonl",
}


class Audit(NamedTuple):
    """What an audit said."""

    code: int
    out: str
    err: str

    @property
    def record(self) -> dict[str, Any]:
        """Its JSON."""
        return json.loads(self.out)

    def findings(self, severity: str | None = None) -> list[dict[str, Any]]:
        """All of them, or those of one severity."""
        found = self.record["findings"]
        return [one for one in found if severity in (None, one["severity"])]


def audit(*words: str | Path) -> Audit:
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        patch.object(null, "MOST", null.FEWEST),  # markets by chance: a fifth of them
    ):
        code = main([str(word) for word in words])
    return Audit(code, out.getvalue(), err.getvalue())


def change(path: Path, alter: Callable[[Any], None]) -> None:
    """Edit a JSON file as somebody might by hand."""
    content = json.loads(path.read_text())
    alter(content)
    path.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def honest(trained: tiny.Trained, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """The audit of a version as it was trained."""
    yaml = trained.copied_to(tmp_path_factory.mktemp("honest") / "copy")
    before = tiny.contents(yaml.parent)
    done = audit(yaml, "--json")
    changed = {name for name, was in tiny.contents(yaml.parent).items() if before.get(name) != was}
    files = {name for name in changed if (yaml.parent / name).is_file()}
    assert files == WRITTEN, "an audit touches nothing else"
    return done


@pytest.fixture(scope="module")
def improved(trained: tiny.Trained, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """The audit of a copy whose result was made better by hand, and is said to be another checkpoint's."""
    yaml = trained.copied_to(tmp_path_factory.mktemp("improved") / "copy")

    def improve(summary: Any) -> None:
        summary["policies"]["learned"]["net_pips_mean"] += 1.0

    def exchange(registry: Any) -> None:
        registry["versions"]["v1_tiny"]["results"]["test"]["checkpoint_sha256"] = "0" * 64

    change(yaml.with_suffix("") / "results" / "test" / "summary.json", improve)
    change(yaml.parent / "registry.json", exchange)
    return audit(yaml, "--json")


def test_a_trained_version_is_audited(honest: Audit):
    assert honest.code == 0, honest.err
    record = honest.record
    assert (record["version"], record["split"], record["passed"]) == ("v1_tiny", "test", True)
    found = honest.findings()
    assert list(dict.fromkeys(finding["check"] for finding in found)) == CHECKS
    assert all(finding.keys() == FIELDS for finding in found)
    assert honest.findings("fail") == []
    # 100 bars of history are not enough for an average of 50.
    assert any("set data.warmup to" in finding["advice"] for finding in found)
    assert "audit of v1_tiny on test" in honest.err, "the table is on stderr while stdout has JSON"


def test_a_result_improved_by_hand_or_of_another_checkpoint_is_a_failure(improved: Audit):
    assert improved.code == 1
    assert "2 FAILED: the result is not real" in improved.err
    assert not improved.record["passed"]
    sizes = {one["what"]: one["size"] for one in improved.findings("fail")}
    assert len(sizes) == 2
    assert sizes["the recorded result does not replay"].startswith("net_pips_mean ")
    another = sizes["the recorded result belongs to another snapshot or checkpoint"]
    assert another == "differs: checkpoint in registry.json"


def test_what_an_audit_verified_is_told_wherever_the_result_is(honest: Audit):
    known = honest.record["verified"]
    assert known == {part: part != "costs" for part in known}
    assert list(known) == ["columns", "entries", "costs", "split", "replay"]
    assert honest.record["unverified"] == ["a constant spread of 1 pips"]


def test_the_same_seed_finds_the_same(honest: Audit, improved: Audit):
    """What the copy's edited words do not touch is found in it again, number for number."""
    one, other = (
        [finding for finding in each.findings() if finding["check"] != "replay"]
        for each in (honest, improved)
    )
    assert len(one) >= len(CHECKS) - 1
    assert one == other


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--split", "validation"], "no result to audit; run python -m jaxexit.backtest"),
        (["--seed", "-1"], "--seed: got -1, expected a whole number from 0 to"),
        (["--split", "tset"], "invalid choice: 'tset'"),
    ],
)
def test_what_cannot_be_audited_is_one_line(trained: tiny.Trained, words: list[str], says: str):
    code, _, err = audit(trained.yaml, "--quiet", *words)
    assert code == 2
    assert err.startswith("error: ")
    assert says in err
    assert err.count("\n") == 1
