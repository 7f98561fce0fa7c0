"""Distributed training: several processes, on one host or on many. The primary process alone writes.

All run the same command. Each computes with its own devices and sees the same numbers; the primary process
(index 0) alone locks the run folder and the registry, and the others wait for its signal before they start.
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

from jaxexit import terminal
from jaxexit.errors import RunError, UserError

FAILED, NOTHING_TO_DO, STARTED = 0, 1, 2  # signals of the primary process
HEARTBEAT_TIMEOUT = 30  # seconds
SHUTDOWN_TIMEOUT = 60  # seconds
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
            value = os.environ.get(name)
            if value is not None and not value.isdigit():
                raise UserError(f"{name}: got {value!r}, expected a whole number")
            return None if value is None else int(value)

        return cls(
            os.environ.get("JAX_COORDINATOR_ADDRESS"),
            number("JAX_NUM_PROCESSES"),
            number("JAX_PROCESS_ID"),
        )


def join(cluster: Cluster) -> None:
    """Connect to the other processes; before anything is computed.

    Raises:
        UserError: it is not known where the others are, or they do not connect.
    """
    terminal.move_output()  # Gloo logs its connections there, amid our JSON
    if cluster.coordinator is not None and ":" not in cluster.coordinator:
        raise UserError(f"--coordinator: got {cluster.coordinator!r}, expected HOST:PORT")
    try:
        jax.distributed.initialize(
            *cluster,
            heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT,
            shutdown_timeout_seconds=SHUTDOWN_TIMEOUT,
        )
    except (ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            "the processes cannot connect to each other; give each --coordinator HOST:PORT --num-processes N "
            f"--process-id I ({reason})"
        ) from None


def is_primary() -> bool:
    """Whether this process is the one that writes; a process by itself is."""
    return jax.process_index() == 0


def is_distributed() -> bool:
    """Whether there are other processes."""
    return jax.process_count() > 1


@contextmanager
def signalling_start() -> Iterator[Callable[[int], None]]:
    """Around the primary process's preparation: yields what sends STARTED or NOTHING_TO_DO to the others.

    If it fails before, they receive FAILED, and stop.
    """
    sent = False

    def send(signal: int) -> None:
        nonlocal sent
        sent = True
        _broadcast(signal)

    try:
        yield send
    except BaseException:
        if not sent:
            send(FAILED)
        raise


def wait_for_start() -> int:
    """Wait for the primary process's signal: STARTED or NOTHING_TO_DO.

    Raises:
        RunError: it has failed.
    """
    signal = _broadcast(FAILED)
    if signal == FAILED:
        raise RunError("the first process has stopped; its own message says why")
    return signal


def _broadcast(signal: int) -> int:
    """The primary process's signal, on every process."""
    if not is_distributed():
        return signal
    return int(multihost_utils.broadcast_one_to_all(np.int32(signal)))


def any_process(flag: bool) -> bool:
    """Whether the flag is set on any process; collective."""
    if not is_distributed():
        return flag
    return bool(multihost_utils.process_allgather(np.asarray(flag)).any())


def share_of(count: int) -> range:
    """Which of `count` equal pieces of work this process does."""
    return range(jax.process_index(), count, jax.process_count())


def sum_over_processes(values: np.ndarray) -> np.ndarray:
    """Sums over the processes, [n] float64; collective."""
    if not is_distributed():
        return values
    bits = values.view(np.uint32)  # JAX would make float32 of them
    gathered = np.ascontiguousarray(multihost_utils.process_allgather(bits))
    return gathered.view(np.float64).sum(axis=0)


@contextmanager
def collective_work() -> Iterator[None]:
    """Around what all processes compute together: the loss of another process becomes one line.

    This process then exits as soon as it has printed it: JAX would wait for the others, and abort.

    Raises:
        RunError: another process is gone.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if not is_distributed():
            raise
        atexit.register(_exit_at_once)
        reason = " ".join(str(error).split())[:200]
        raise RunError(
            f"another process of this training is gone ({reason}); start all of them again, with --resume"
        ) from None


def _exit_at_once() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(RUN_ERROR)


def disconnect() -> None:
    """End the distributed part; from here on each process is by itself."""
    if is_distributed():
        jax.distributed.shutdown()
