"""Exported policies decide as the trained one does, or there is no export."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest

from jaxexit import export
from jaxexit.config import load_experiment
from jaxexit.data import resolve_features
from jaxexit.env import ACTIONS, env_spec, observation_names
from jaxexit.env.observation import CLIP
from jaxexit.errors import UserError
from jaxexit.lab.trained import open_trained
from jaxexit.live import exported
from jaxexit.live.onnx_graph import onnx_model
from jaxexit.live.parity import Taken, compare, run_onnx, run_stablehlo
from jaxexit.live.policy import TrainedPolicy, restore_policy
from jaxexit.policies import NetworkSpec, initial_params
from jaxexit.ppo import ppo_learner
from tests.support import tiny

FILES = {"policy.onnx", "policy.stablehlo", "manifest.json"}


@pytest.fixture
def copied(trained: tiny.Trained, tmp_path):
    """A trained version of one's own."""
    return trained.copied_to(tmp_path / "runs")


@pytest.fixture(scope="module")
def spec(trained: tiny.Trained):
    """Structure of its environment."""
    experiment = load_experiment(trained.yaml)
    return env_spec(experiment, resolve_features(experiment.env.features))


def test_the_command_writes_graphs_that_decide_as_the_backtest_did(copied, spec, capsys):
    assert export.main([str(copied), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    folder = copied.with_suffix("") / "export"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert said == {"folder": str(folder), "manifest": manifest}
    assert {path.name for path in folder.iterdir()} == FILES
    summary = json.loads((folder.parent / "results" / "test" / "summary.json").read_text())
    decisions = sum(summary["policies"]["learned"]["actions"].values())
    assert manifest["checkpoint_sha256"] == summary["checkpoint"]["sha256"]
    assert manifest["snapshot_sha256"] == summary["snapshot_sha256"]
    for name, facts in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert facts["sha256"] == hashlib.sha256(content).hexdigest()
        assert manifest["parity"][name]["decisions"] == decisions > 100
        assert manifest["parity"][name]["different_actions"] == 0
        assert manifest["parity"][name]["largest_logit_difference"] <= 1e-5
    assert [entry["name"] for entry in manifest["observation"]] == list(observation_names(spec))
    assert manifest["actions"] == list(ACTIONS)
    assert manifest["guards"]["mode"] == "penalise"


def test_a_graph_that_decides_otherwise_is_not_exported(copied, monkeypatch, capsys):
    def off_by_a_little(network, size, facts):
        return onnx_model(jax.tree.map(lambda leaf: leaf + 1e-3, network), size, facts)

    monkeypatch.setattr(exported, "onnx_model", off_by_a_little)
    before = tiny.contents(copied.with_suffix(""))
    assert export.main([str(copied), "--quiet"]) == 1
    error = capsys.readouterr().err
    assert "policy.onnx: decides otherwise than JAX" in error
    assert error.count("\n") == 1
    assert tiny.contents(copied.with_suffix("")).keys() == before.keys()


@pytest.mark.parametrize("layer_norm", [True, False])
def test_the_graphs_clip_what_they_are_given_and_agree_with_jax(trained, spec, layer_norm):
    network = NetworkSpec(hidden_sizes=(32, 8), layer_norm=layer_norm)
    size = len(observation_names(spec))
    params = jax.tree.map(lambda leaf: 3 * leaf + 0.1, initial_params(network, size, [3]))
    experiment = load_experiment(trained.yaml)
    learner = ppo_learner(experiment)._replace(network=network)
    policy = TrainedPolicy(experiment, 0, spec, learner, params, 0, "")
    observations = np.random.default_rng(0).normal(0, 8, (50, size)).astype(np.float32)
    assert np.abs(observations).max() > CLIP
    logits, values = learner.evaluate(params, jnp.clip(observations, -CLIP, CLIP))
    model = onnx_model(learner.layers(params), size, {})
    assert [opset.version for opset in model.opset_import] == [13]
    assert "LayerNormalization" not in {node.op_type for node in model.graph.node}
    (given,) = model.graph.input
    assert [d.dim_value for d in given.type.tensor_type.shape.dim] == [1, size]
    artefact = bytes(exported.stablehlo(policy))
    assert tuple(jax.export.deserialize(bytearray(artefact)).platforms) == ("cpu", "cuda")
    for run in (run_onnx(model.SerializeToString()), run_stablehlo(artefact)):
        own_logits, own_values = run(observations)
        np.testing.assert_allclose(own_logits, logits, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(own_values, values, rtol=1e-5, atol=1e-5)


def test_the_proof_counts_other_actions_and_sees_other_logits(copied, spec):
    policy = restore_policy(open_trained(copied, None))
    seen = np.random.default_rng(1).normal(0, 1, (40, len(observation_names(spec))))
    seen = seen.astype(np.float32)
    logits, values = map(np.asarray, policy.learner.evaluate(policy.params, jnp.asarray(seen)))
    taken = Taken(1, seen, np.ones((40, 5), bool), logits.argmax(axis=1))
    assert compare(policy, taken, lambda seen: (logits, values)).holds
    assert not compare(policy, taken, lambda seen: (logits + 1e-4, values)).holds
    turned = compare(policy, taken, lambda seen: (-logits, values))
    assert turned.different_actions == 40
    assert not turned.holds


def test_of_several_agents_none_is_chosen_silently(copied):
    version = open_trained(copied, None)
    several = replace(version, experiment=version.experiment.model_copy(update={"seeds": 3}))
    with pytest.raises(UserError, match=r"choose one with --seed \(0, 1, 2\)"):
        restore_policy(several)


def test_the_model_is_valid_onnx(copied):
    assert export.main([str(copied), "--quiet", "--split", "validation"]) == 0
    model = onnx.load(copied.with_suffix("") / "export" / "policy.onnx")
    onnx.checker.check_model(model, full_check=True)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts["version"] == "v1_tiny"
