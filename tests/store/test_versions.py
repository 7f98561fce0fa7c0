"""A new version says only what differs from its parent; a drifted file is told with the way out."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from jaxexit.__main__ import main
from jaxexit.config import load_experiment, parent_file, resolved
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
from tests.support import tiny

BASE = "description: the base\nhypothesis: it leaves early\nguards: {min_bars_for_exit: 2}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """v1_base is registered, v2_next extends it and is only a file."""
    root = tmp_path / "runs"
    root.mkdir()
    base = root / "v1_base.yaml"
    base.write_text(BASE)
    (root / "v2_next.yaml").write_text("extends: v1_base.yaml\nppo: {gamma: 0.9}\n")
    Registry(root).register(load_experiment(base), base)
    return root


@pytest.fixture
def registry(root: Path, capsys: pytest.CaptureFixture[str]):
    def registry(*words: str) -> str:
        """What `jaxexit registry` prints; it must succeed and complain of nothing."""
        code = main(["registry", *words, "--root", str(root)])
        out, err = capsys.readouterr()
        assert (code, err) == (0, "")
        return out

    return registry


@pytest.fixture
def refused(root: Path, capsys: pytest.CaptureFixture[str]):
    def refused(*words: str | Path) -> str:
        """The one line of a command that fails and changes nothing."""
        before = tiny.contents(root.parent)
        code = main([*map(str, words), "--root", str(root)])
        out, err = capsys.readouterr()
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert tiny.contents(root.parent) == before
        return err

    return refused


def trained(root: Path, name: str, *overrides: str) -> RunFolder:
    """The version as its training leaves it, without having trained."""
    yaml, folder, registry = root / f"{name}.yaml", RunFolder(root, name), Registry(root)
    experiment = load_experiment(yaml, overrides)
    folder.begin(experiment, {"started": "now", "data": {}})
    registry.register(experiment, yaml)
    registry.finished(name, "completed", trained_steps=100, wall_seconds=1.0)
    return folder


# --- registry new --------------------------------------------------------------------------


def test_a_new_version_is_a_file_with_what_differs_and_a_row_that_is_pending(root: Path, registry):
    said = registry(
        "new", "v3_mask", "--parent", "v2_next", "--set", "guards.mode=mask", "-d", "Masked [now]."
    )
    yaml = root / "v3_mask.yaml"
    assert yaml.read_text() == (
        "# Only what differs from v2_next; everything else is as it is there.\n"
        "extends: v2_next.yaml\n"
        "description: 'Masked [now].'\n"
        "hypothesis: ''  # what it is expected to show: write it before training\n"
        "\n"
        "guards:\n"
        "  mode: mask  # v2_next: penalise\n"
    )
    experiment, parent = load_experiment(yaml), load_experiment(root / "v2_next.yaml")
    own: dict[str, Any] = resolved(parent) | {
        "version": "v3_mask",
        "description": "Masked [now].",
        "hypothesis": "",
    }
    guards: dict[str, Any] = dict(own["guards"])
    own["guards"] = guards | {"mode": "mask"}
    assert resolved(experiment) == own
    row = Registry(root).version("v3_mask")
    assert (row["status"], row["parent"], row["path"]) == ("pending", "v2_next", "v3_mask.yaml")
    assert row["changes"] == {"guards.mode": ["penalise", "mask"]}
    assert f"next: python -m jaxexit.train {yaml}" in said


@pytest.mark.parametrize(
    "override",
    [
        "seed=7",
        "ppo.target_kl=null",
        "ppo={learning_rate: 3e-5, learning_rate_end: 1e-6}",
        "data.split={validation_start: 2016-01-01, test_start: 2017-01-01}",
        "env.features=[adx, {column: 'null', scale: 2}]",
        "tracking.tags=['010', 'a: b # c', \"line\\nbreak\", 'ünïcode €']",
        "hypothesis='It holds: longer, #surely'",
    ],
)
def test_whatever_is_set_is_read_back_from_the_file(root: Path, registry, override: str):
    asked = load_experiment(root / "v1_base.yaml", [override])
    registry("new", "v2_other", "--parent", "v1_base", "--set", override, "-d", "x")
    written = load_experiment(root / "v2_other.yaml")
    words = ("version", "description", *(() if "hypothesis" in override else ("hypothesis",)))
    for experiment in (asked, written):
        assert experiment.overrides == (() if experiment is written else (override,))
    left, right = (
        {k: v for k, v in resolved(e).items() if k not in words} for e in (asked, written)
    )
    assert left == right


def test_a_parent_may_be_a_file_elsewhere_and_the_registry_may_move_with_it(
    root: Path, tmp_path: Path, registry
):
    elsewhere = tmp_path / "experiments"
    elsewhere.mkdir()
    (elsewhere / "v7_far.yaml").write_text("seed: 7\n")
    registry("new", "v8_near", "--parent", str(elsewhere / "v7_far.yaml"), "-d", "x")
    assert "extends: ../experiments/v7_far.yaml" in (root / "v8_near.yaml").read_text()
    trained_there = elsewhere / "v7_far.yaml"
    Registry(root).register(load_experiment(trained_there), trained_there)
    assert Registry(root).version("v7_far")["path"] == "../experiments/v7_far.yaml"
    tmp_path.joinpath("moved").mkdir()
    for folder in (root, elsewhere):
        folder.rename(tmp_path / "moved" / folder.name)
    moved = Registry(tmp_path / "moved" / "runs")
    assert moved.file("v7_far") is not None
    assert load_experiment(moved.root / "v8_near.yaml").seed == 7


def test_a_version_may_be_begun_empty_and_says_so(root: Path, registry):
    said = registry("new", "v3_blank", "--parent", "v2_next")
    assert "it does not differ from v2_next yet: write into it what does" in said
    assert load_experiment(root / "v3_blank.yaml").description == "v2_next with nothing changed yet"


def test_the_new_version_as_json(root: Path, registry):
    said = json.loads(
        registry("new", "v3_seed", "--parent", "v1_base", "--set", "seed=3", "--json")
    )
    assert said["file"] == str(root / "v3_seed.yaml")
    assert said["train"] == f"python -m jaxexit.train {root / 'v3_seed.yaml'}"
    assert (said["version"], said["status"], said["changes"]) == (
        "v3_seed",
        "pending",
        {"seed": [0, 3]},
    )
    assert said["description"] == "v1_base with seed 3"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["v1_base", "--parent", "v2_next"], "exists already"),  # a row
        (["v2_next", "--parent", "v1_base"], "exists already"),  # a file
        (["v5_folder", "--parent", "v1_base"], "exists already"),  # a run folder
        (["mine", "--parent", "v1_base"], "expected v<N>_<what_changed>"),
        (["../v3_x", "--parent", "v1_base"], "expected v<N>_<what_changed>"),
        (["v3_x/../../v4_y", "--parent", "v1_base"], "expected v<N>_<what_changed>"),
        (["v3_x\nseed: 1", "--parent", "v1_base"], "expected v<N>_<what_changed>"),
        (["v3_x", "--parent", "v1_bsae"], "did you mean 'v1_base'?"),
        (["v3_x", "--parent", ""], "no such experiment file"),
        (["v3_x"], "required: --parent"),
        (["v3_x", "--parent", "v1_base", "--set", "guards.mod=mask"], "did you mean 'mode'?"),
        (["v3_x", "--parent", "v1_base", "--set", "guards.mode=maks"], "did you mean 'mask'?"),
        (["v3_x", "--parent", "v1_base", "--set", "ppo.entropy_coef_end=1"], "at most its start"),
        (["v3_x", "--parent", "v1_base", "--set", "version=v9_x"], "cannot be set"),
        (["v3_x", "--parent", "v1_base", "--set", "seed=0"], "is what v1_base says"),
        (["v3_x", "--parent", "v1_base", "--set", "seed"], "expected section.key=value"),
        (["v3_x", "--parent", "v1_base", "-d", "\udcff"], "--description: is not UTF-8"),
    ],
)
def test_a_version_that_cannot_be_is_refused_and_nothing_written(
    root: Path, refused, words: list[str], says: str
):
    (root / "v5_folder").mkdir()
    assert says in refused("registry", "new", *words)


def test_a_registry_of_a_newer_program_is_not_touched(root: Path, refused):
    registry = root / "registry.json"
    registry.write_text(registry.read_text().replace('"schema_version": 2', '"schema_version": 3'))
    assert "install the newer one that wrote it" in refused(
        "registry", "new", "v3_x", "--parent", "v1_base", "--set", "seed=1"
    )


# --- registry diff -------------------------------------------------------------------------


def test_two_versions_or_files_differ_in_their_resolved_values(root: Path, registry):
    said = json.loads(registry("diff", "v1_base", "v2_next", "--json"))
    assert said == {
        "before": {"version": "v1_base", "file": str(root / "v1_base.yaml")},
        "after": {"version": "v2_next", "file": str(root / "v2_next.yaml")},
        "changes": {"ppo.gamma": [0.99, 0.9]},
    }
    table = registry("diff", str(root / "v2_next.yaml"), "v1_base")
    assert "ppo.gamma" in table
    assert "min_bars" not in table  # both have it from v1_base
    assert "are the same experiment" in registry("diff", "v1_base", "v1_base")


def test_a_trained_version_is_what_it_was_trained_with_its_file_is_what_it_says(
    root: Path, capsys: pytest.CaptureFixture[str]
):
    trained(root, "v1_base", "seed=5")
    (root / "v1_base.yaml").write_text(BASE.replace("2}", "9}"))
    words = ["registry", "diff", "v1_base", str(root / "v1_base.yaml"), "--root", str(root)]
    assert main([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert said["before"]["file"] == str(root / "v1_base" / "experiment.yaml")
    assert said["changes"] == {"seed": [5, 0], "guards.min_bars_for_exit": [2, 9]}
    assert err.startswith("note: v1_base was frozen when it was trained")


def test_a_side_that_is_not_there_is_told(refused):
    assert "did you mean 'v1_base'?" in refused("registry", "diff", "v1_bass", "v2_next")


# --- drift ---------------------------------------------------------------------------------


def offered(line: str) -> list[str]:
    """The command that a line ends with, without `python -m jaxexit.`."""
    words = shlex.split(line[line.index("python -m jaxexit.registry") :])
    return ["registry", *words[3:]]


CHANGES: dict[str, dict[str, Any]] = {
    "guards: {min_bars_for_exit: 9}": {"guards.min_bars_for_exit": [2, 9]},
    "guards: {min_bars_for_exit: 2}\nppo: {target_kl: null, gamma: 1}": {
        "ppo.gamma": [0.99, 1.0],
        "ppo.target_kl": [0.015, None],
    },
    'env: {features: [adx, {column: "it\'s; $(x)", scale: 2}]}\nguards: {min_bars_for_exit: 2}': {
        "env.features": None  # checked by the file alone
    },
}


@pytest.mark.parametrize("text", CHANGES, ids=["one key", "two keys", "a list to be quoted"])
def test_the_offered_command_makes_the_changed_file_a_version_of_its_own(
    root: Path, refused, capsys: pytest.CaptureFixture[str], text: str
):
    folder = trained(root, "v1_base", "ppo.total_timesteps=2_000_000")
    yaml = root / "v1_base.yaml"
    words = "description: the base\nhypothesis: it leaves early\n"
    yaml.write_text(words + text)
    line = refused("backtest", "v1_base")
    for key in CHANGES[text]:
        assert f" {key} " in line
    assert line == refused("train", yaml, "--resume", "--set", "ppo.total_timesteps=2_000_000")
    assert line == refused("train", yaml, "--set", "ppo.total_timesteps=2_000_000")
    changed = load_experiment(yaml)
    command = offered(line)
    assert main(command) == 0, capsys.readouterr().err
    name = command[2]
    assert name.startswith("v3_")
    capsys.readouterr()
    row = Registry(root).version(name)
    assert {key: row["changes"][key] for key in row["changes"]}.keys() == CHANGES[text].keys()
    for key, pair in CHANGES[text].items():
        assert pair is None or row["changes"][key] == pair
    for _ in ("the old file is as it was changed", "and as it was trained"):
        new = resolved(load_experiment(root / f"{name}.yaml"))
        own = ("version", "description", "hypothesis")
        assert all(new[key] == old for key, old in resolved(changed).items() if key not in own)
        yaml.write_text(BASE)
    assert folder.trained_experiment(yaml).ppo.total_timesteps == 2_000_000


def test_a_version_cannot_extend_a_drifted_one_and_take_its_drift_along(root: Path, refused):
    trained(root, "v1_base")
    (root / "v1_base.yaml").write_text(BASE.replace("2}", "9}"))
    line = refused("registry", "new", "v3_x", "--parent", "v1_base", "--set", "seed=1")
    assert "guards.min_bars_for_exit 2 -> 9" in line


def test_other_words_alone_are_no_new_version(root: Path, refused):
    trained(root, "v1_base")
    (root / "v1_base.yaml").write_text(BASE.replace("the base", "the best"))
    line = refused("backtest", "v1_base")
    assert "description the base -> the best; undo that, or start over with --overwrite" in line
    assert "registry new" not in line


@pytest.mark.parametrize("command", ["list", "show"])
def test_who_only_looks_is_told_of_the_drift_and_sees_all_the_same(
    root: Path, capsys: pytest.CaptureFixture[str], command: str
):
    trained(root, "v1_base")
    words = ["registry", command, *(["v1_base"] if command == "show" else []), "--root", str(root)]
    assert main(words) == 0
    assert capsys.readouterr().err == ""
    (root / "v1_base.yaml").write_text(BASE.replace("2}", "9}"))
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "v1_base" in out
    assert err.startswith("note: v1_base was frozen when it was trained")
    assert "guards.min_bars_for_exit 2 -> 9" in err
    assert err.count("\n") == 1
    (root / "v1_base.yaml").write_text("nonsense")
    assert main(words) == 0
    assert "got 'nonsense', expected a mapping" in capsys.readouterr().err
    (root / "v1_base.yaml").unlink()  # the snapshot is enough
    assert main(words) == 0
    assert capsys.readouterr().err == ""


def test_what_a_parent_drifted_to_does_not_rewrite_what_its_child_changed(root: Path):
    trained(root, "v1_base")
    (root / "v1_base.yaml").write_text(BASE + "ppo: {gamma: 0.9}\n")
    yaml, registry = root / "v2_next.yaml", Registry(root)
    assert parent_file(yaml) == root / "v1_base.yaml"
    registry.register(load_experiment(yaml), yaml)
    assert registry.version("v2_next")["changes"] == {"ppo.gamma": [0.99, 0.9]}
