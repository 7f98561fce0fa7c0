"""A training run: the host's loop around the compiled update.

It writes metrics, validates, saves, and can be stopped and resumed at any update, bit for bit.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxexit.config import Experiment
from jaxexit.data import Dataset
from jaxexit.env import ACTIONS, REASONS, make_world
from jaxexit.env.guards import BAR_BINS, PROFIT_BANDS, rule_set_name
from jaxexit.errors import RunError
from jaxexit.evaluate import Backtest
from jaxexit.lab.checkpoints import Checkpoint
from jaxexit.lab.run import RunFolder
from jaxexit.lab.tracking import MetricsWriter
from jaxexit.policies import network_policy
from jaxexit.ppo import (
    TrainState,
    exit_task,
    init_state,
    num_updates,
    ppo_params,
    ppo_spec,
    update,
)

Line = dict[str, Any]


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended."""

    trained_steps: int  # environment steps, over all sessions
    seconds: float  # of this session, compilation included
    steps_per_second: float | None  # of this session, without its first (compiling) update
    best_step: int | None
    best_score: float | None  # mean net pips on validation, greedy
    final_score: float | None
    interrupted: bool


def state_template(experiment: Experiment, dataset: Dataset) -> TrainState:
    """Shapes and types of the experiment's training state, computing nothing."""

    def initial() -> TrainState:
        spec, world = make_world(experiment, dataset, "train")
        task, key = exit_task(spec), jax.random.key(experiment.seed)
        return init_state(ppo_spec(experiment), task, ppo_params(experiment), world, key)

    return jax.eval_shape(initial)


def is_finished(experiment: Experiment, folder: RunFolder) -> bool:
    """Whether the training has come to its end, checkpoints and pointers written."""
    store = folder.checkpoints(experiment)
    steps = store.steps()
    end = num_updates(experiment) * ppo_spec(experiment).batch_size
    return (
        bool(steps) and steps[-1] == end == store.pointed("final") and bool(store.pointed("best"))
    )


def learned_policy(experiment: Experiment, *, sample: bool = False):
    """The policy that an experiment's network is, without its parameters."""
    return network_policy(
        ppo_spec(experiment).network, masked=experiment.guards.mode == "mask", sample=sample
    )


def train(
    experiment: Experiment,
    dataset: Dataset,
    folder: RunFolder,
    writer_for: Callable[[int], MetricsWriter],
    *,
    resumed: Checkpoint | None = None,
    on_update: Callable[[Line], None] = lambda line: None,
) -> TrainingResult:
    """Train to the end, or until Ctrl-C (or SIGTERM), which saves first.

    Args:
        experiment: what to train.
        dataset: its data.
        folder: where checkpoints go; begun and locked by the caller.
        writer_for: opens the metrics record that continues after a given update.
        resumed: the last checkpoint, restored, to go on from.
        on_update: called with each line of metrics.

    Raises:
        RunError: the loss is no longer finite.
    """
    began = time.perf_counter()
    spec, world = make_world(experiment, dataset, "train")
    learner, hyper, task = ppo_spec(experiment), ppo_params(experiment), exit_task(spec)
    store = folder.checkpoints(experiment)
    validation = Backtest(experiment, dataset, "validation")
    policy = learned_policy(experiment)
    total = num_updates(experiment)

    best_step, best_score = None, None
    if resumed is not None:
        state = resumed.state
        if resumed.manifest["best_step"] in store.steps():  # nobody has removed it
            best_step, best_score = (resumed.manifest[n] for n in ("best_step", "best_score"))
            store.point("best", best_step)  # a kill may have come between checkpoint and pointer
        if int(state.update) == total:
            store.point("final", resumed.step)
    else:
        state = init_state(learner, task, hyper, world, jax.random.key(experiment.seed))
    done = int(state.update)
    writer = writer_for(done)
    score, measured_seconds, measured_updates = None, 0.0, 0
    saved = None if resumed is None else done

    with _stop_requests() as stop_requested:
        while done < total and not stop_requested():
            update_began = time.perf_counter()
            state, metrics = update(learner, task, hyper, world, state)
            metrics = jax.device_get(metrics)
            seconds = time.perf_counter() - update_began
            done += 1
            if done > int(saved or 0) + 1 or measured_updates:
                measured_seconds, measured_updates = (
                    measured_seconds + seconds,
                    measured_updates + 1,
                )
            steps = done * learner.batch_size
            if not math.isfinite(metrics["loss"]):
                writer.close()
                raise RunError(
                    f"the loss is not finite after {steps} steps; lower ppo.learning_rate or "
                    "ppo.max_grad_norm, and start over with --overwrite"
                )
            last = done == total
            pointers: tuple[str, ...] = ("final",) if last else ()
            line = {"update": done, "env_steps": steps, "seconds": round(seconds, 4)}
            line |= _plain(metrics)
            if last or done % experiment.evaluation.validate_every == 0:
                score = validation.score(policy, state.params)
                line["validation_net_pips_mean"] = score
                if best_score is None or score > best_score:
                    best_step, best_score = steps, score
                    pointers = (*pointers, "best")
            # The record first: lines past the last checkpoint are dropped on resume, a missing one stays
            # missing.
            writer.write(line)
            on_update(line)
            if pointers or done % experiment.evaluation.checkpoint_every == 0 or stop_requested():
                facts = {"update": done, "best_step": best_step, "best_score": best_score}
                store.save(steps, state, pointers=pointers, **facts)
                folder.safe()
                saved = done
        if saved != done:
            facts = {"update": done, "best_step": best_step, "best_score": best_score}
            store.save(done * learner.batch_size, state, **facts)
            folder.safe()
    writer.close()
    rate = learner.batch_size * measured_updates / measured_seconds if measured_updates else None
    return TrainingResult(
        trained_steps=done * learner.batch_size,
        seconds=time.perf_counter() - began,
        steps_per_second=rate,
        best_step=best_step,
        best_score=best_score,
        final_score=score if done == total else None,
        interrupted=done < total,
    )


@contextmanager
def _stop_requests() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM ask the loop to save and stop; a second Ctrl-C interrupts at once."""
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _plain(metrics: dict[str, Any]) -> Line:
    """Device metrics as JSON values; arrays by name, the guard counts as a sparse list."""
    line: Line = {}
    for name, value in metrics.items():
        if name == "guard_counts":
            line["guards"] = _sparse_counts(value)
        elif name in ("action_share", "blocked_share_by_action"):
            line[name] = dict(zip(ACTIONS, value.tolist(), strict=True))
        elif name == "exit_reason_share":
            line[name] = dict(zip(REASONS[1:], value.tolist()[1:], strict=True))
        else:
            line[name] = value.item()
    return line


def _sparse_counts(counts: np.ndarray) -> list[list[Any]]:
    """[action, rules, bar bin, profit band, attempts] for each kind of attempt that occurred."""
    return [
        [
            ACTIONS[action],
            rule_set_name(int(rules)),
            BAR_BINS[bar],
            PROFIT_BANDS[band],
            int(counts[action, rules, bar, band]),
        ]
        for action, rules, bar, band in zip(*np.nonzero(counts), strict=True)
    ]
