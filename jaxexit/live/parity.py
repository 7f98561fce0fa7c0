"""Whether exported graphs decide as the policy did, on every decision of a backtest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from jaxexit.lab.training import learned_policy
from jaxexit.live.onnx_graph import INPUT
from jaxexit.live.policy import TrainedPolicy, logits_and_values
from jaxexit.policies import MASKED_LOGIT
from jaxexit.truth.audit.subject import Subject, make_subject
from jaxexit.truth.audit.trace import trace

TOLERANCE = 1e-5  # of logits, and of values; times the largest of them where that is above 1
TRADES_AT_ONCE = 512

Run = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Observations [n, observation_size] -> logits [n, 5] and values [n]."""


class Taken(NamedTuple):
    """The decisions of a backtest, one after the other."""

    trades: int
    observation: np.ndarray  # [decisions, observation_size] float32
    valid: np.ndarray  # [decisions, 5] bool
    chosen: np.ndarray  # [decisions] int: what the backtest chose, before guards


class Parity(NamedTuple):
    """How one graph compares with JAX."""

    decisions: int
    different_actions: int
    largest_logit_difference: float
    logit_tolerance: float
    largest_value_difference: float
    value_tolerance: float
    smallest_margin: (
        float  # between the two likeliest actions: how near a difference would have been
    )

    @property
    def holds(self) -> bool:
        """Same actions, and logits and values within the tolerance."""
        return (
            self.different_actions == 0
            and self.largest_logit_difference <= self.logit_tolerance
            and self.largest_value_difference <= self.value_tolerance
        )


def decisions_taken(policy: TrainedPolicy, subject: Subject) -> Taken:
    """Every decision of the subject's backtest with what was seen.

    Raises:
        AssertionError: playing the trades again leads to other decisions than the backtest's.
    """
    taken, chosen = np.asarray(subject.records.taken), np.asarray(subject.records.chosen)
    parts = []
    for begin in range(0, len(taken), TRADES_AT_ONCE):
        rows = np.arange(begin, min(begin + TRADES_AT_ONCE, len(taken)))
        replayed = trace(subject, subject.dataset, np.resize(rows, TRADES_AT_ONCE))
        mask = taken[rows]
        assert (replayed.taken[: len(rows)] == mask).all(), (
            "a trade is not replayed as it was played"
        )
        seen = tuple(
            leaf[: len(rows)][mask]
            for leaf in (replayed.observation, replayed.valid, replayed.chosen)
        )
        assert (seen[2] == chosen[rows][mask]).all(), "a decision is not replayed as it was taken"
        parts.append(seen)
    return Taken(len(taken), *(np.concatenate(leaves) for leaves in zip(*parts, strict=True)))


def subject_of(policy: TrainedPolicy, dataset: Any, split: str) -> Subject:
    """The greedy policy on a split."""
    learned = learned_policy(policy.experiment)
    return make_subject(policy.experiment, split, learned, policy.params, dataset=dataset)


def compare(policy: TrainedPolicy, taken: Taken, run: Run) -> Parity:
    """A graph's answers beside those of JAX and of the backtest."""
    logits, values = map(
        np.asarray, logits_and_values(policy.learner, policy.params, taken.observation)
    )
    other_logits, other_values = run(taken.observation)
    allowed = taken.valid if policy.masked else np.ones_like(taken.valid)
    ranked = np.sort(np.where(allowed, logits, MASKED_LOGIT), axis=1)
    actions = np.where(allowed, other_logits, MASKED_LOGIT).argmax(axis=1)
    return Parity(
        decisions=len(taken.chosen),
        different_actions=int((actions != taken.chosen).sum()),
        largest_logit_difference=float(np.abs(other_logits - logits).max()),
        logit_tolerance=TOLERANCE * max(1.0, float(np.abs(logits).max())),
        largest_value_difference=float(np.abs(other_values - values).max()),
        value_tolerance=TOLERANCE * max(1.0, float(np.abs(values).max())),
        smallest_margin=float((ranked[:, -1] - ranked[:, -2]).min()),
    )


def run_onnx(model: bytes) -> Run:
    """The model in ONNX Runtime on one thread, one decision at a time, as a terminal would run it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def each(observations: np.ndarray) -> Iterator[Any]:
        for observation in observations:
            yield session.run(None, {INPUT: observation[None]})

    def run(observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        answers = [np.concatenate(rows) for rows in zip(*each(observations), strict=True)]
        return answers[0], answers[1][:, 0]

    return run


def run_stablehlo(serialised: bytearray | bytes) -> Run:
    """The `jax.export` artefact on JAX's own device."""
    from jax import export

    call = export.deserialize(bytearray(serialised)).call

    def run(observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, values = call(observations)
        return np.asarray(logits), np.asarray(values)

    return run
