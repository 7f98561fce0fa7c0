"""The export folder of a run: the policy as ONNX and StableHLO, a manifest, and the proof that they agree.

<run>/export/policy.onnx        opset 13, static batch 1
<run>/export/policy.stablehlo   `jax.export`, for cpu and cuda, any batch
<run>/export/manifest.json      what goes in, what comes out, what must be obeyed, hashes
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxexit import __version__
from jaxexit.config import experiment_sha256, resolved
from jaxexit.data import Dataset
from jaxexit.env import ACTIONS, observation_size
from jaxexit.env.observation import CLIP
from jaxexit.errors import ParityError
from jaxexit.live.definitions import CONVENTIONS, observation_definitions
from jaxexit.live.onnx_graph import INPUT, IR_VERSION, LOGITS, OPSET, VALUE, onnx_model
from jaxexit.live.parity import (
    Parity,
    Run,
    compare,
    decisions_taken,
    run_onnx,
    run_stablehlo,
    subject_of,
)
from jaxexit.live.policy import TrainedPolicy
from jaxexit.store.documents import Summary, read_document
from jaxexit.store.files import replacing_folder, write_json
from jaxexit.store.provenance import counted
from jaxexit.store.run import RunFolder
from jaxexit.store.verification import audit_before_training, verification, with_audit

PLATFORMS = ("cpu", "cuda")
FORMAT = 1


def stablehlo(policy: TrainedPolicy) -> bytearray:
    """The policy as a `jax.export` artefact: observations [b, size] float32 -> logits [b, 5], values [b]."""

    def decide(observation: jax.Array) -> tuple[jax.Array, jax.Array]:
        return policy.learner.evaluate(policy.params, jnp.clip(observation, -CLIP, CLIP))

    shape = jax.export.symbolic_shape(f"b, {observation_size(policy.spec)}")
    argument = jax.ShapeDtypeStruct(shape, jnp.float32)
    return jax.export.export(jax.jit(decide), platforms=PLATFORMS)(argument).serialize()


def write_export(
    policy: TrainedPolicy,
    dataset: Dataset,
    folder: RunFolder,
    split: str,
    out: Path | None = None,
    on_part: Callable[[str], None] = lambda name: None,
) -> dict[str, Any]:
    """Write the export folder, if the graphs decide as the policy does on every decision of a split.

    Args:
        policy: what is exported.
        dataset: the run's data.
        folder: the run's folder.
        split: whose decisions are compared.
        out: where to; None: `export` in the run's folder.
        on_part: called with the name of each part before it is made.

    Returns:
        The manifest.

    Raises:
        ParityError: they do not; nothing was written.
        RunError: it cannot be written.
    """
    on_part("the graphs")
    facts = {
        "version": policy.experiment.version,
        "snapshot_sha256": experiment_sha256(policy.experiment),
        "checkpoint_sha256": policy.sha256,
    }
    model = onnx_model(policy.learner.layers(policy.params), observation_size(policy.spec), facts)
    files = {
        "policy.onnx": model.SerializeToString(),
        "policy.stablehlo": bytes(stablehlo(policy)),
    }
    on_part(f"the decisions of {split}")
    taken = decisions_taken(policy, subject_of(policy, dataset, split))
    runs: dict[str, Run] = {
        "policy.onnx": run_onnx(files["policy.onnx"]),
        "policy.stablehlo": run_stablehlo(files["policy.stablehlo"]),
    }
    parities: dict[str, Parity] = {}
    for name, run in runs.items():
        on_part(f"compare {name}")
        parity = parities[name] = compare(policy, taken, run)
        if not parity.holds:
            raise ParityError(
                f"{name}: decides otherwise than JAX in {parity.different_actions:,} of {parity.decisions:,} "
                f"decisions, logits differ by up to {parity.largest_logit_difference:.2g} (allowed: "
                f"{parity.logit_tolerance:.2g}), values by {parity.largest_value_difference:.2g} (allowed: "
                f"{parity.value_tolerance:.2g}); nothing was written"
            )
    manifest = {
        **_manifest(policy, dataset, facts, folder, split),
        "files": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in files.items()
        },
        "parity": {
            "split": split,
            "trades": taken.trades,
            **{name: {**parity._asdict(), "holds": True} for name, parity in parities.items()},
        },
    }
    with replacing_folder(out or folder.path / "export") as temporary:
        for name, content in files.items():
            (temporary / name).write_bytes(content)
        write_json(temporary / "manifest.json", manifest)
    return manifest


def _verified(
    policy: TrainedPolicy, dataset: Dataset, folder: RunFolder, split: str
) -> dict[str, Any]:
    """`verified` and `unverified`, as the result of this checkpoint has them; without one, what is known."""
    summary = read_document(folder.results(split) / "summary.json", Summary)
    if summary is not None and summary["checkpoint"]["sha256"] == policy.sha256:
        summary = with_audit(folder, split, summary)
    if (
        summary is None
        or summary["checkpoint"]["sha256"] != policy.sha256
        or "verified" not in summary
    ):
        audit = audit_before_training(folder.path)
        summary = verification([dataset.origin], audit, split=split, looks=0)
        summary["verified"]["split"] = False  # nobody has looked
    return {name: summary[name] for name in ("unverified", "verified")}


def _manifest(
    policy: TrainedPolicy, dataset: Dataset, facts: dict[str, str], folder: RunFolder, split: str
) -> dict[str, Any]:
    """What a reader of the graphs must know, without hashes and proof of the files."""
    experiment = policy.experiment
    content = resolved(experiment)
    size = observation_size(policy.spec)
    return {
        "format": FORMAT,
        **facts,
        "seed": policy.seed,
        "trained_steps": policy.step,
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "packages": {
            "jaxexit": __version__,
            **{name: metadata.version(name) for name in ("jax", "onnx", "onnxruntime")},
        },
        "onnx": {
            "opset": OPSET,
            "ir_version": IR_VERSION,
            "input": {"name": INPUT, "shape": [1, size], "type": "float32"},
            "outputs": [
                {"name": LOGITS, "shape": [1, len(ACTIONS)], "type": "float32"},
                {"name": VALUE, "shape": [1, 1], "type": "float32"},
            ],
        },
        "stablehlo": {
            "platforms": list(PLATFORMS),
            "input": {"shape": ["b", size], "type": "float32"},
            "outputs": ["logits [b, 5] float32", "values [b] float32"],
        },
        "actions": list(ACTIONS),
        "decision": "the action with the largest logit"
        + (", among those that no guard forbids" if policy.masked else "")
        + "; a chosen action that a guard forbids is HOLD. The guards are not in the graphs.",
        "conventions": CONVENTIONS,
        "observation": [
            {"index": i, "name": name, "formula": definition.formula, "unit": definition.unit}
            for i, (name, definition) in enumerate(observation_definitions(policy.spec).items())
        ],
        "normaliser": None,  # features are scaled by their formulas, none is learned
        "scales": policy.experiment.scales or {},  # medians of the training split, in the formulas
        **_verified(policy, dataset, folder, split),
        "guards": content["guards"],
        "costs": content["costs"],
        "env": {key: value for key, value in content["env"].items() if key != "features"},
        "pip": dataset.unit.size if dataset.unit.name == "pips" else None,
        **counted(dataset),
        "data": dataset.fingerprint,
    }
