"""What was verified stands in the first words of every verdict; an unverified gain has a proviso."""

import json
from pathlib import Path

import pytest

from jaxexit.data import Origin
from jaxexit.lab.comparison import compare_versions, load_tested
from jaxexit.store.registry import Registry
from jaxexit.store.verification import audited, cap, line, looks_before, verification
from tests.data.made import bar_table
from tests.support import tiny
from tests.truth.test_foresight import ahead

SOUND = Origin()
MOOD = Origin(
    columns=("mood",), entries="entries of list.csv", spread="a constant spread of 1 pips"
)


@pytest.mark.parametrize(
    ("origins", "audit", "split", "looks", "verified", "said"),
    [
        ([SOUND], None, "test", 0, {"columns", "entries", "costs", "split"}, []),
        ([SOUND], None, "test", 3, {"columns", "entries", "costs"}, ["split (test was evaluated 3"]),
        ([SOUND], None, "train", 0, {"columns", "entries", "costs"}, ["train (the agent was"]),
        ([MOOD], None, "test", 0, {"split"}, ["column `mood`", "entries of list.csv", "a constant"]),
        ([SOUND, MOOD], None, "walk_forward", 0, {"split"}, ["column `mood`"]),
        ([Origin(reads=("daily.csv",))], None, "test", 0, {"entries", "costs", "split"}, ["daily.csv"]),
        ([SOUND], {"failed": ["x knows"]}, "test", 0, {"entries", "costs", "split"}, ["OVERRULED"]),
    ],
)  # fmt: skip
def test_each_part_is_verified_or_said_why_not(origins, audit, split, looks, verified, said):
    found = verification(origins, audit, split=split, looks=looks)
    assert {part for part, holds in found["verified"].items() if holds} == verified
    for words in [*said, "replay (not audited yet)"]:
        assert any(words in one for one in found["unverified"])
    assert line(found).startswith("unverified: ")


def test_an_audit_verifies_the_replay_or_says_what_failed():
    summary = {**verification([SOUND], None, split="test", looks=0)}
    summary["verdict"] = f"{line(summary)}. learned: net +1.00"
    sound = audited(summary, [{"check": "replay", "severity": "pass", "what": "it replays"}])
    assert all(sound["verified"].values())
    assert sound["verdict"] == (
        "verified: columns, entries, costs, split, replay. learned: net +1.00"
    )
    broken = audited(summary, [{"check": "fills", "severity": "fail", "what": "wrong fills"}])
    assert not broken["verified"]["replay"]
    assert broken["verdict"].startswith("unverified: AUDIT FAILED: wrong fills")


@pytest.mark.parametrize(
    ("origin", "audit", "begins"),
    [
        (SOUND, None, ""),
        (Origin(entries="entries of list.csv"), None, ""),
        (MOOD, None, "If what is unverified is honest"),
        (SOUND, {"failed": ["x knows"]}, "Not a result, the audit failed"),
    ],
)
def test_a_headline_claims_no_gain_that_stands_on_what_nobody_could_check(origin, audit, begins):
    assert cap([verification([origin], audit, split="test", looks=0)]) == begins
    assert cap([{"verdict": "of before there was verification"}]) == ""


def test_looks_of_others_at_test_count_and_ones_own_again_do_not(trained: tiny.Trained):
    registry = Registry(trained.yaml.parent)
    (look,) = registry.load()["versions"]["v1_tiny"]["test_evaluations"]
    assert looks_before(registry, look) == 0
    assert looks_before(registry, {**look, "checkpoint_sha256": "another"}) == 1


def leaky(folder: Path) -> Path:
    """A tiny version that observes a finished column with the next moves in it."""
    folder.mkdir(parents=True)
    table = bar_table()
    table["mood"] = ahead(table["close"].to_numpy(), 2, 6) * 1e4
    table.to_csv(folder / "eurusd.csv", index=False)
    yaml = tiny.write_tiny(folder, "v1_leaky", updates=2)
    more = "env: {max_bars: 20, features: [rsi, {column: mood, scale: 10.0, directional: true}]}"
    yaml.write_text(yaml.read_text().replace("env: {max_bars: 20}", more))
    return yaml


@pytest.fixture(scope="module")
def overruled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The leaky version, trained although its audit failed; what the command said."""
    yaml = leaky(tmp_path_factory.mktemp("leaky") / "root")
    code, out, err = tiny.run("train", yaml, "--json", "--allow-failed-audit")
    assert code == 0, err
    assert "note: AUDIT FAILED AND IS OVERRULED: column `mood` predicts" in err
    return yaml, json.loads(out)["backtest"]


def test_a_column_that_fails_stops_the_training_before_anything_is_written(tmp_path: Path):
    yaml = leaky(tmp_path / "root")
    code, out, err = tiny.run("train", yaml, "--quiet")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "the audit before training failed: column `mood` predicts" in err
    assert "--allow-failed-audit" in err
    assert not yaml.with_suffix("").exists()
    assert not (yaml.parent / "registry.json").exists()


def test_an_overruled_audit_is_said_wherever_the_result_is(overruled):
    yaml, summary = overruled
    first = "unverified: AUDIT FAILED AND WAS OVERRULED (column `mood` predicts"
    assert summary["verdict"].startswith(first)
    assert not summary["verified"]["columns"]
    row = Registry(yaml.parent).version("v1_leaky")["results"]["test"]
    assert row["unverified"] == summary["unverified"]
    assert "AUDIT FAILED AND WAS OVERRULED" in (yaml.with_suffix("") / "README.md").read_text()
    code, out, _ = tiny.run("registry", "show", "v1_leaky", "--root", yaml.parent)
    assert code == 0
    assert "test: unverified: AUDIT FAILED AND WAS OVERRULED" in out
    code, out, err = tiny.run("backtest", yaml)
    assert code == 0, err
    tables = [part for part in out.split("\n") if part.startswith("unverified: AUDIT FAILED")]
    assert len(tables) == 3  # two tables and the verdict


def test_a_verified_and_an_unverified_version_are_not_ranked_in_silence(overruled, tmp_path: Path):
    yaml, _ = overruled
    sound = tiny.write_tiny(yaml.parent, "v2_sound", updates=2)
    code, _, err = tiny.run("train", sound, "--quiet")
    assert code == 0, err
    tested = [load_tested(yaml.parent, name, "test") for name in ("v2_sound", "v1_leaky")]
    # Another observation is another fingerprint of columns: the question is made the same for once.
    tested[1] = tested[1].__class__(**{**tested[1].__dict__, "fingerprint": tested[0].fingerprint})
    found = compare_versions(tested, Registry(yaml.parent), "test")
    assert "NOT ON EQUAL TERMS: columns of v2_sound verified, of v1_leaky not" in found["verdict"]
    assert found["verdict"].startswith("v2_sound: unverified: a constant spread")
