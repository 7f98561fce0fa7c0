"""A checkpoint comes back bit for bit, or one line says why not; a kill never costs the one before."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxexit.errors import RunError
from jaxexit.store.checkpoints import CheckpointStore, content_sha256

OWNER = "a" * 64
MANIFESTS = ("step_1/manifest.json", "step_2/manifest.json")


class State(NamedTuple):
    params: dict[str, Any]
    optimiser: Any
    key: jax.Array  # typed
    update: jax.Array


def made_state(seed: int = 0) -> State:
    """A state with everything in it that a training's has: nested tuples, typed keys, scalars."""
    params = {"Dense_0": {"kernel": jax.random.normal(jax.random.key(seed), (7, 5)), "bias": None}}
    params["Dense_0"]["bias"] = jnp.arange(5, dtype=jnp.float32) / 3
    optimiser = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(3e-4)).init(params)
    return State(params, optimiser, jax.random.split(jax.random.key(seed), 3), jnp.int32(seed))


def template() -> State:
    return jax.eval_shape(made_state)


def bits(state: State) -> list[bytes]:
    return [
        np.asarray(jax.random.key_data(leaf) if leaf is state.key else leaf).tobytes()
        for leaf in jax.tree.leaves(state)
    ]


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "models", OWNER)


def refused(store: CheckpointStore, which: Any, like: Any = None) -> str:
    with pytest.raises(RunError) as caught:
        store.restore(which, template() if like is None else like)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_state_comes_back_bit_for_bit_with_its_random_keys(store: CheckpointStore):
    saved = made_state(4)
    store.save(1000, saved, pointers=("best",), best_score=-0.25)
    checkpoint = store.restore("best", template())
    assert jax.tree.structure(checkpoint.state) == jax.tree.structure(saved)
    assert bits(checkpoint.state) == bits(saved)
    assert checkpoint.state.key.dtype == saved.key.dtype
    draws = [jax.random.normal(state.key[1], (3,)) for state in (saved, checkpoint.state)]
    assert draws[0].tolist() == draws[1].tolist()
    assert (checkpoint.step, checkpoint.manifest["best_score"]) == (1000, -0.25)


def test_the_hash_is_of_the_content_and_the_same_in_every_run(tmp_path: Path):
    hashes = [
        CheckpointStore(tmp_path / name, OWNER).save(step, made_state(seed))["sha256"]
        for name, step, seed in (("one", 1, 0), ("two", 2, 0), ("three", 1, 5))
    ]
    assert hashes[0] == hashes[1] != hashes[2]
    zero, minus_zero = {"w": np.zeros(3, np.float32)}, {"w": -np.zeros(3, np.float32)}
    assert content_sha256(zero) != content_sha256(minus_zero)
    assert content_sha256(zero) != content_sha256({"w": np.zeros((3, 1), np.float32)})


def test_the_last_two_the_best_and_the_final_one_are_kept(store: CheckpointStore):
    for step in range(1, 8):
        pointers = {2: ("best",), 4: ("best",), 7: ("final",)}.get(step, ())
        store.save(step, made_state(step), pointers=pointers)
    assert store.steps() == [4, 6, 7]
    found = {which: store.restore(which, template()).step for which in ("best", "final", "last", 6)}
    assert found == {"best": 4, "final": 7, "last": 7, 6: 6}


def test_a_checkpoint_that_is_not_there_is_told_with_those_that_are(store: CheckpointStore):
    assert "no checkpoint 'best'; there are: none: train the version first" in refused(
        store, "best"
    )
    store.save(10, made_state())
    for which in ("best", "final", 11, -1):
        assert f"no checkpoint '{which}'; there are: 10" in refused(store, which)


def test_a_checkpoint_of_another_experiment_is_refused(store: CheckpointStore):
    store.save(10, made_state())
    other = CheckpointStore(store.folder, "b" * 64)
    assert "belongs to another experiment" in refused(other, "last")


@pytest.mark.parametrize("change", ["shape", "kind", "missing", "more"])
def test_a_checkpoint_of_another_network_is_refused(store: CheckpointStore, change: str):
    store.save(10, made_state())
    like = template()
    layer = like.params["Dense_0"]
    if change == "shape":
        layer["kernel"] = jax.ShapeDtypeStruct((8, 5), jnp.float32)
    elif change == "kind":
        layer["kernel"] = jax.ShapeDtypeStruct((7, 5), jnp.float16)
    elif change == "missing":
        del layer["bias"]
    else:
        layer["scale"] = jax.ShapeDtypeStruct((5,), jnp.float32)
    message = refused(store, "last", like)
    assert "has another structure" in message
    assert "Dense_0" in message


def data_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)


@pytest.mark.parametrize("harm", ["truncated", "removed", "one bit"])
def test_a_damaged_checkpoint_is_never_restored_and_the_one_before_is_offered(
    store: CheckpointStore, harm: str
):
    store.save(1, made_state(1))
    store.save(2, made_state(2))
    random = np.random.default_rng(0)
    files = data_files(store.folder / "step_2" / "state")
    assert len(files) > 3
    for path in files:
        content = path.read_bytes()
        if harm == "truncated":
            path.write_bytes(content[: len(content) // 2])
        elif harm == "removed":
            path.unlink()
        else:
            flipped = bytearray(content)
            flipped[random.integers(len(content))] ^= 1 << int(random.integers(8))
            path.write_bytes(flipped)
        message = refused(store, 2)
        assert f"{store.folder / 'step_2'}: is damaged" in message
        assert "--checkpoint 1" in message
        path.write_bytes(content)
    for step in (1, 2):
        assert bits(store.restore(step, template()).state) == bits(made_state(step))


def test_arrays_that_are_not_those_that_were_saved_are_refused(store: CheckpointStore):
    # Whole files, each with its right hash, of another state of the same shapes.
    store.save(1, made_state(1))
    store.save(2, made_state(2))
    own, other = (json.loads((store.folder / name).read_text()) for name in MANIFESTS)
    shutil.rmtree(store.folder / "step_1" / "state")
    shutil.copytree(store.folder / "step_2" / "state", store.folder / "step_1" / "state")
    (store.folder / MANIFESTS[0]).write_text(json.dumps({**own, "files": other["files"]}))
    assert "is damaged" in refused(store, 1)


def test_a_checkpoint_of_another_version_of_the_program_is_told_with_the_one_before(
    store: CheckpointStore,
):
    store.save(1, made_state(1))
    store.save(2, made_state(2))
    path = store.folder / "step_2" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    message = refused(store, "last")
    assert "has schema 2, and this jaxexit reads none above 1; install the newer one" in message
    assert "--checkpoint 1" in message
    assert bits(store.restore(1, template()).state) == bits(made_state(1))


def test_a_folder_that_is_no_checkpoint_is_passed_over(store: CheckpointStore):
    store.save(1, made_state(1))
    for name in ("step_", "step_one", "step_-3", "step_2.bak"):
        shutil.copytree(store.folder / "step_1", store.folder / name)
    assert store.steps() == [1]
    assert store.restore("last", template()).step == 1


def test_a_manifest_that_is_no_manifest_is_damage(store: CheckpointStore):
    store.save(1, made_state(1))
    path = store.folder / "step_1" / "manifest.json"
    for text in ("", "[]", "{}", "null", '{"experiment_sha256": "x"', "\x00"):
        path.write_text(text)
        message = refused(store, 1)
        assert message.startswith(f"{path}: ")
        assert message.endswith("; start over with --overwrite")


SAVE_FOREVER = """
import sys
from pathlib import Path
from jaxexit.store.checkpoints import CheckpointStore
from tests.store.test_checkpoint_store import OWNER, made_state
store = CheckpointStore(Path(sys.argv[1]), OWNER)
step = (store.steps() or [0])[-1]
print("ready", flush=True)
while True:
    step += 1
    store.save(step, made_state(step % 50))
    print(step, flush=True)
"""


@pytest.mark.parametrize("kills", [1, pytest.param(50, marks=pytest.mark.slow)])
def test_a_kill_while_saving_leaves_the_one_before(
    store: CheckpointStore, repository: Path, kills: int
):
    random = np.random.default_rng(1)
    for _ in range(kills):
        saver = subprocess.Popen(
            [sys.executable, "-c", SAVE_FOREVER, str(store.folder)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=repository,
        )
        assert saver.stdout is not None
        assert saver.stdout.readline() == "ready\n"
        first = int(saver.stdout.readline())
        time.sleep(float(random.uniform(0.0, 0.4)))
        saver.send_signal(signal.SIGKILL)
        told = [int(line) for line in saver.communicate()[0].split()]
        newest = max([first, *told])
        # What was reported as saved is there, and whatever is there is whole.
        assert store.steps()[-1] in (newest, newest + 1)
        for step in store.steps()[-2:]:
            assert bits(store.restore(step, template()).state) == bits(made_state(step % 50))
    store.save(10_000, made_state())
    leftovers = [path.name for path in store.folder.iterdir() if not path.name.startswith("step_")]
    assert leftovers == []


def test_a_manifest_says_what_a_reader_without_this_program_would_ask(store: CheckpointStore):
    store.save(512, made_state(), update=2)
    manifest = json.loads((store.folder / "step_512" / "manifest.json").read_text())
    assert (manifest["step"], manifest["update"]) == (512, 2)
    assert manifest["experiment_sha256"] == OWNER
    assert manifest["shapes"][".params['Dense_0']['kernel']"] == "float32[7, 5]"
