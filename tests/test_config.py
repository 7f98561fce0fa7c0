"""An experiment file says everything, is believed only if it makes sense, and stays as it was frozen."""

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from jaxexit.config import (
    Experiment,
    differences,
    dump_snapshot,
    experiment_sha256,
    find_experiment,
    load_experiment,
    load_parent,
    load_snapshot,
    resolved,
)
from jaxexit.config.learning import LearnerName
from jaxexit.config.snapshot import FIRST
from jaxexit.config.text import dump_mapping, parse_mapping
from jaxexit.errors import ConfigError


@pytest.fixture
def experiments(repository: Path) -> Path:
    return repository / "experiments"


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "v9_mine.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def complaint(path: Path | str, overrides: tuple[str, ...] = (), **options: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_experiment(path, overrides, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- v1 and v2 -----------------------------------------------------------------------------


def test_v2_differs_from_v1_in_exactly_the_nine_numbers_of_its_story(experiments: Path):
    v1, v2 = (
        resolved(load_experiment(experiments / f"{name}.yaml"))
        for name in ("v1_baseline", "v2_exit_guards")
    )
    changed = differences(v1, v2)
    for words in ("version", "description", "hypothesis"):
        changed.pop(words)
    assert changed == {
        "guards.min_profit_for_exit": (0.0, 0.001),
        "guards.min_bars_for_exit": (0, 2),
        "guards.min_profit_for_partial": (0.001, 0.002),
        "guards.min_bars_for_partial": (1, 2),
        "reward.invalid_action_penalty": (0.01, 0.02),
        "reward.time_coef": (0.005, 0.002),
        "reward.regret_coef": (0.5, 0.8),
        "ppo.entropy_coef_end": (0.001, 0.005),
        "ppo.entropy_anneal_steps": (5_000_000, 7_000_000),
    }


def test_v1_writes_every_key_out_and_agrees_with_the_defaults(experiments: Path, write):
    text = (experiments / "v1_baseline.yaml").read_text(encoding="utf-8")
    written = parse_mapping(text, "v1")
    baseline = load_experiment(experiments / "v1_baseline.yaml")

    def keys(mapping: dict, prefix: str = "") -> set[str]:
        return {
            name
            for key, value in mapping.items()
            for name in (
                keys(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}"}
            )
        }

    others = tuple(f"{name}." for name in get_args(LearnerName) if name != baseline.learner)
    every = {key for key in keys(resolved(baseline)) if not key.startswith(others)}
    assert keys(written) == every - {"version"}
    bare = differences(resolved(load_experiment(write("seed: 0"))), resolved(baseline))
    assert set(bare) == {"version", "description", "hypothesis", "costs.spread_pips"}


def test_every_field_says_what_it_means():
    def silent(model: type[BaseModel], prefix: str = "") -> list[str]:
        found = []
        for name, field in model.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found += silent(inner, f"{prefix}{name}.")
            elif not field.description:
                found.append(f"{prefix}{name}")
        return found

    assert silent(Experiment) == []


# --- reading -------------------------------------------------------------------------------


def test_a_version_is_found_by_file_by_run_folder_and_by_name(tmp_path: Path, write):
    path = write("seed: 1")
    (tmp_path / "v9_mine").mkdir()
    for given_as in (path, str(path), tmp_path / "v9_mine", f"{tmp_path}/v9_mine/"):
        assert find_experiment(given_as) == path
    assert find_experiment("v9_mine", tmp_path) == path


@pytest.mark.parametrize(
    ("text", "number"), [("3e-4", 3e-4), ("1E-5", 1e-5), ("3.0e-4", 3e-4), ("0.0003", 3e-4)]
)
def test_a_number_may_be_written_with_an_exponent_and_no_point(write, text: str, number: float):
    path = write(f"ppo: {{learning_rate: {text}, learning_rate_end: 0}}")
    assert load_experiment(path).ppo.learning_rate == number
    override = f"ppo.learning_rate={text}"
    changed = load_experiment(write("ppo: {learning_rate_end: 0}"), [override])
    assert changed.ppo.learning_rate == number


@pytest.mark.parametrize("text", ["010", "1:30", "0x10", "0o17", "0b1"])
def test_octal_and_base_60_are_not_taken_for_numbers(write, text: str):
    assert f"data.every: got '{text}', expected a whole number" in complaint(
        write(f"data: {{every: {text}}}")
    )


def test_thousands_may_be_separated_by_underscores(write):
    assert load_experiment(write("ppo: {total_timesteps: 1_000_000}")).ppo.total_timesteps == 10**6


def test_dates_stay_text_with_or_without_quotes(write):
    text = "data: {split: {validation_start: 2016-01-01, test_start: '2017-01-01T12:00:00+02:00'}}"
    split = load_experiment(write(text)).data.split
    assert (split.validation_start, split.test_start) == ("2016-01-01", "2017-01-01T12:00:00+02:00")


def test_a_file_changes_only_what_it_says_through_a_chain_of_parents(write):
    write("guards: {min_bars_for_exit: 1, min_bars_for_trail: 4}\nseed: 5", "v1_base.yaml")
    write("extends: v1_base.yaml\nguards: {min_bars_for_exit: 2}", "v2_next.yaml")
    experiment = load_experiment(
        write("extends: v2_next.yaml\nguards: {mode: mask}", "v3_last.yaml")
    )
    guards = experiment.guards
    assert (guards.min_bars_for_exit, guards.min_bars_for_trail, guards.mode) == (2, 4, "mask")
    assert (experiment.seed, experiment.version, experiment.parent) == (5, "v3_last", "v2_next")


def test_a_parent_is_sought_beside_the_file_that_names_it(tmp_path: Path, write):
    (tmp_path / "old").mkdir()
    write("seed: 7", "old/v1_base.yaml")
    path = write("extends: old/v1_base.yaml", "v2_next.yaml")
    assert load_experiment(path).seed == 7
    parent = load_parent(path)
    assert parent is not None
    assert (parent.version, parent.seed) == ("v1_base", 7)
    assert load_parent(tmp_path / "old" / "v1_base.yaml") is None


def test_a_list_is_replaced_not_merged(write):
    write("network: {hidden_sizes: [256, 256, 256]}", "v1_base.yaml")
    path = write("extends: v1_base.yaml\nnetwork: {hidden_sizes: [64]}")
    assert load_experiment(path).network.hidden_sizes == (64,)


def test_overrides_win_in_order_and_are_recorded(write):
    overrides = ("ppo.target_kl=null", "guards.mode=mask", "seed=1", "seed=2")
    experiment = load_experiment(write("ppo: {target_kl: 0.02}\nseed: 9"), overrides)
    assert (experiment.ppo.target_kl, experiment.guards.mode, experiment.seed) == (None, "mask", 2)
    assert experiment.overrides == overrides


def test_an_experiment_cannot_be_changed_after_loading(write):
    experiment = load_experiment(write("seed: 1"))
    for thing, name in ((experiment, "seed"), (experiment.ppo, "gamma"), (experiment.data, "bars")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(thing, name, 0)


# --- what is refused -----------------------------------------------------------------------


def test_a_mistake_in_a_parent_is_blamed_on_the_parent(tmp_path: Path, write):
    write("ppo: {gamma: 2}", "v1_base.yaml")
    path = write("extends: v1_base.yaml\nppo: {gae_lambda: 1}", "v2_next.yaml")
    assert complaint(path).startswith(f"{tmp_path / 'v1_base.yaml'}: ppo.gamma: got 2")


def test_a_parent_must_be_an_experiment_by_itself(tmp_path: Path, write):
    # Otherwise there would be nothing to say what the child changed.
    write("ppo: {gamma: 2}", "v1_base.yaml")
    path = write("extends: v1_base.yaml\nppo: {gamma: 0.9}", "v2_next.yaml")
    assert complaint(path).startswith(f"{tmp_path / 'v1_base.yaml'}: ppo.gamma: got 2")
    write("seed: 1", "common.yaml")
    message = complaint(write("extends: common.yaml", "v3_odd.yaml"))
    assert "extends: got the name 'common', expected v<N>_<what_changed>" in message


def test_a_mistake_in_an_override_quotes_the_override(write):
    path = write("seed: 1")
    message = complaint(path, ("seed=2", "guards.min_bar_for_exit=3"))
    assert message.startswith(
        f"{path} with --set guards.min_bar_for_exit=3: guards.min_bar_for_exit"
    )
    assert "did you mean 'min_bars_for_exit'?" in message
    assert complaint(path, ("ppo.gamma=x",)).endswith("ppo.gamma: got 'x', expected a number")
    assert "ppo: got 3, expected a mapping" in complaint(path, ("ppo=3",))


@pytest.mark.parametrize("override", ["seed", "=3", "a..b=1", "version=v3_x", "extends=v1_x.yaml"])
def test_an_override_that_is_none_is_refused(write, override: str):
    assert complaint(write("seed: 1"), (override,)).startswith(f"--set {override}: ")


def test_files_that_extend_each_other_are_refused(write):
    write("extends: v2_b.yaml", "v1_a.yaml")
    message = complaint(write("extends: v1_a.yaml", "v2_b.yaml"))
    assert "got a cycle (v2_b.yaml -> v1_a.yaml -> v2_b.yaml)" in message
    assert "got a cycle" in complaint(write("extends: v3_c.yaml", "v3_c.yaml"))


@pytest.mark.parametrize(
    "name", ["mine.yaml", "v_x.yaml", "v1.yaml", "v1_Exit.yaml", "v1_a-b.yaml"]
)
def test_a_version_has_a_number_and_says_what_changed(write, name: str):
    assert "expected v<N>_<what_changed>" in complaint(write("seed: 1", name))


@pytest.mark.parametrize("odd", ["v9_mien", "v9_mien.yaml", "", ".", "/", "..", "x" * 5000, "a\0b"])
def test_an_experiment_that_is_not_there_is_said_in_one_line(tmp_path: Path, write, odd: str):
    write("seed: 1")
    message = complaint(odd, root=tmp_path)
    if odd.startswith("v9_mien"):
        assert "did you mean 'v9_mine'?" in message


def test_a_folder_or_binary_file_called_yaml_is_refused(tmp_path: Path, write):
    (tmp_path / "v1_folder.yaml").mkdir()
    assert "no such experiment file" in complaint(tmp_path / "v1_folder.yaml")
    path = tmp_path / "v1_binary.yaml"
    path.write_bytes(b"\xff\xfe\x00seed")
    assert "not UTF-8" in complaint(path)


# --- snapshots -----------------------------------------------------------------------------


def test_a_snapshot_reads_back_as_the_same_experiment_with_the_same_hash(
    experiments: Path, tmp_path: Path
):
    overrides = ("ppo.target_kl=null", 'tracking.tags=["1e5", "010", "no", "2017-01-01", "null"]')
    experiment = load_experiment(experiments / "v2_exit_guards.yaml", overrides)
    path = tmp_path / "experiment.yaml"
    path.write_text(dump_snapshot(experiment), encoding="utf-8")
    again = load_snapshot(path)
    assert again == experiment
    assert experiment_sha256(again) == experiment_sha256(experiment)
    assert (again.parent, again.overrides) == ("v1_baseline", overrides)
    assert "extends" not in path.read_text(encoding="utf-8")


def test_any_yaml_reader_finds_the_same_values_in_a_snapshot(experiments: Path):
    experiment = load_experiment(experiments / "v2_exit_guards.yaml", ('tracking.tags=["010"]',))
    elsewhere = yaml.safe_load(dump_snapshot(experiment))
    assert elsewhere.pop("sha256") == experiment_sha256(experiment)
    for name in ("parent", "overrides", "scales"):
        elsewhere.pop(name)
    assert elsewhere == resolved(experiment)


def test_the_hash_knows_every_value_and_nothing_of_where_it_was_written(experiments: Path, write):
    v1 = load_experiment(experiments / "v1_baseline.yaml")
    flat = yaml.safe_dump({**resolved(v1), "version": None})
    copy = load_experiment(write(flat.replace("version: null\n", ""), "v1_baseline.yaml"))
    assert experiment_sha256(copy) == experiment_sha256(v1)
    same = load_experiment(experiments / "v1_baseline.yaml", ["seed=0"])
    other = load_experiment(experiments / "v1_baseline.yaml", ["ppo.gamma=0.98"])
    assert experiment_sha256(same) == experiment_sha256(v1) != experiment_sha256(other)


def test_what_was_frozen_before_a_key_was_there_keeps_its_hash(experiments: Path, tmp_path: Path):
    """A key that came later defaults to what was before it, and counts only where it says something else."""
    v1 = load_experiment(experiments / "v1_baseline.yaml")
    hashed = "00c18e8faf56aebed910e8e6c6b255431710d5094905c1fbb244183909fdc53f"
    assert experiment_sha256(v1) == hashed

    def first(values: dict, path: str = "") -> dict:
        kept = {k: first(v, f"{path}{k}.") if isinstance(v, dict) else v for k, v in values.items()}
        return {
            k: v for k, v in kept.items() if (v and isinstance(v, dict)) or f"{path}{k}" in FIRST
        }

    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump({"sha256": hashed, **first(resolved(v1))}), encoding="utf-8")
    assert load_snapshot(path).model_copy(update={"scales": None}) == v1.model_copy(
        update={"parent": None}
    )


def test_an_edited_or_damaged_snapshot_is_refused(tmp_path: Path, experiments: Path):
    path = tmp_path / "experiment.yaml"
    text = dump_snapshot(load_experiment(experiments / "v1_baseline.yaml"))
    edits = [
        text.replace("gamma: 0.99", "gamma: 0.98"),
        text.replace("sha256: ", "sha256: 0"),
        text[: len(text) // 2],
        text.replace("gamma: 0.99", "gamma: 9"),
        "",
    ]
    for edited in edits:
        assert edited != text
        path.write_text(edited, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"experiment\.yaml") as caught:
            load_snapshot(path)
        assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(ConfigError, match="no such snapshot"):
        load_snapshot(path)


# Line breaks to YAML, and what may be lost at an end.
@settings(deadline=None)
@example({"\x85": "a\x85b\u2028c\ufeff\xa0 d\n\n e\t"})
@given(
    st.dictionaries(
        st.text(min_size=1),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False)
            | st.text()
            | st.from_regex(r"[-+0-9.eE:_xobT]{1,12}", fullmatch=True),
            lambda inner: st.lists(inner).map(tuple),
            max_leaves=5,
        ),
        min_size=1,
    )
)
def test_what_is_dumped_is_read_back_to_the_same_values_and_kinds(content: dict):
    again = parse_mapping(dump_mapping(content), "here")
    assert repr(again) == repr(content)
    assert list(again) == list(content)


# --- speed ---------------------------------------------------------------------------------


def test_reading_an_experiment_loads_neither_jax_nor_pandas(experiments: Path):
    code = (
        "import sys, json; from jaxexit.config import load_experiment; load_experiment(sys.argv[1]);"
        "print(json.dumps([m for m in ('jax', 'numpy', 'pandas', 'orbax', 'wandb') if m in sys.modules]))"
    )
    path = str(experiments / "v2_exit_guards.yaml")
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
