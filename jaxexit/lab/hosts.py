"""Several processes, on one host or on many, that train together; the first of them writes.

All run the same command. Each computes with its own devices and sees the same numbers; the first one alone
holds the run folder and the registry, and the others wait for its word before they begin.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxexit.errors import RunError, UserError

GONE, NOTHING_TO_DO, BEGUN = 0, 1, 2
LOST_AFTER = 30  # seconds without a sign of life of a process
SHUT_DOWN_WITHIN = 60  # seconds
RUN_ERROR = 2  # exit code, as of any RunError


class Cluster(NamedTuple):
    """How the processes find each other; None: from the variables of SLURM, Open MPI or Kubernetes."""

    coordinator: str | None  # HOST:PORT of the first process
    num_processes: int | None
    process_id: int | None

    @classmethod
    def from_variables(cls) -> Cluster:
        """From JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID, where they are set."""

        def number(name: str) -> int | None:
            words = os.environ.get(name)
            if words is not None and not words.isdigit():
                raise UserError(f"{name}: found {words!r}, allowed are whole numbers")
            return None if words is None else int(words)

        return cls(
            os.environ.get("JAX_COORDINATOR_ADDRESS"),
            number("JAX_NUM_PROCESSES"),
            number("JAX_PROCESS_ID"),
        )


def join(cluster: Cluster) -> None:
    """Become one of the processes. Before anything is computed.

    Raises:
        UserError: it is not known where the others are, or they do not come.
    """
    _keep_standard_output()
    if cluster.coordinator is not None and ":" not in cluster.coordinator:
        raise UserError(f"--coordinator: found {cluster.coordinator!r}, allowed is HOST:PORT")
    try:
        jax.distributed.initialize(
            *cluster,
            heartbeat_timeout_seconds=LOST_AFTER,
            shutdown_timeout_seconds=SHUT_DOWN_WITHIN,
        )
    except (ValueError, TypeError, RuntimeError) as error:
        words = " ".join(str(error).split())[:200]
        raise UserError(
            "the processes do not find each other; give each --coordinator HOST:PORT --num-processes N "
            f"--process-id I ({words})"
        ) from None


def _keep_standard_output() -> None:
    """Leave standard output to Python alone: Gloo writes on it whom it has met, amid our JSON."""
    sys.stdout.flush()
    sys.stdout = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding)
    os.dup2(2, 1)


def leads() -> bool:
    """Whether this process is the one that writes. A lone one does."""
    return jax.process_index() == 0


def several() -> bool:
    """Whether there are others."""
    return jax.process_count() > 1


@contextmanager
def announcing() -> Iterator[Callable[[int], None]]:
    """Around what the first process does before training: it calls what it is given with BEGUN.

    Where it fails before, the others are told, and stop.
    """
    told = False

    def tell(word: int) -> None:
        nonlocal told
        told = True
        _word(word)

    try:
        yield tell
    except BaseException:
        if not told:
            tell(GONE)
        raise


def wait_for_word() -> int:
    """What the first process has called out: BEGUN or NOTHING_TO_DO.

    Raises:
        RunError: it has stopped.
    """
    word = _word(GONE)
    if word == GONE:
        raise RunError("the first process has stopped; its own message says why")
    return word


def _word(word: int) -> int:
    """The first process's word, on every process."""
    return int(multihost_utils.broadcast_one_to_all(np.int32(word))) if several() else word


def any_of(flag: bool) -> bool:
    """Whether it is so on any process; every process must ask."""
    return bool(multihost_utils.process_allgather(np.asarray(flag)).any()) if several() else flag


def in_turn(count: int) -> range:
    """Which of so many equal pieces of work this process does."""
    return range(jax.process_index(), count, jax.process_count())


def summed(values: np.ndarray) -> np.ndarray:
    """Sums over the processes, [n] float64; every process must ask."""
    if not several():
        return values
    bits = values.view(np.uint32)  # JAX would make float32 of them
    everyone = np.ascontiguousarray(multihost_utils.process_allgather(bits))
    return everyone.view(np.float64).sum(axis=0)


@contextmanager
def common_work() -> Iterator[None]:
    """Around what all processes compute together: one that is lost is said as what it is.

    This process then ends as soon as it has said so: JAX would wait for the others, and abort.

    Raises:
        RunError: another process is gone.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if not several():
            raise
        atexit.register(_leave)
        words = " ".join(str(error).split())[:200]
        raise RunError(
            f"another process of this training is gone ({words}); start all of them again, with --resume"
        ) from None


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(RUN_ERROR)


def part() -> None:
    """End the common work; from here on each process is alone."""
    if several():
        jax.distributed.shutdown()
