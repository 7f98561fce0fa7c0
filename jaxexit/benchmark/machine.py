"""The machine that is measured: what it is, what is installed, and how fast it multiplies matrices."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxexit.benchmark.flops import Product
from jaxexit.benchmark.timing import Timing, timed
from jaxexit.learning.precision import processor
from jaxexit.store.provenance import git_state, package_version

LARGE = Product("large", 2048, 2048, 2048)
MEASURED_AT_ONCE = (
    1e9  # operations: many small products are timed together, as the learner's loops do them
)
RUNS = 5
PACKAGES = ("jaxexit", "jax", "jaxlib", "flax", "optax", "numpy")


def describe(more: Sequence[str] = ()) -> dict[str, Any]:
    """Machine, versions and load; `more` packages beside the usual ones, null where not installed."""
    device = jax.devices()[0]
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "device": f"{device.platform}: {device.device_kind}",
        "devices": jax.device_count(),
        "packages": {name: package_version(name) for name in (*PACKAGES, *more)},
        "git": git_state(),
    }


def multiplication(product: Product) -> tuple[Callable[[], jax.Array], int]:
    """A compiled float32 product, ready to be timed, and the operations of one call."""
    times = max(1, min(256, round(MEASURED_AT_ONCE / product.flops)))
    left, right = jax.random.split(jax.random.key(0))
    rows, inner, columns = product.rows, product.inner, product.columns
    many = jax.random.normal(
        left, (times, *((inner, rows) if product.stored == "tn" else (rows, inner)))
    )
    other = jax.random.normal(
        right, (columns, inner) if product.stored == "nt" else (inner, columns)
    )
    indices = {"nn": "ik,kj->ij", "nt": "ik,jk->ij", "tn": "ki,kj->ij"}[product.stored]

    @jax.jit
    def multiply(many: jax.Array, other: jax.Array) -> jax.Array:
        if times == 1:
            return jnp.einsum(indices, many[0], other)
        return jax.lax.map(lambda matrix: jnp.einsum(indices, matrix, other), many)

    jax.block_until_ready(multiply(many, other))
    return lambda: multiply(many, other), times * product.flops


def rate(product: Product) -> dict[str, float | int]:
    """Operations a second of a float32 matrix product on the device."""
    run, flops = multiplication(product)
    return Timing(tuple(timed(run)[0] for _ in range(RUNS))).rate(flops)


def peak_memory() -> int | None:
    """Bytes that this program has held at most; None where the system does not tell.

    Not `getrusage` on Linux: a process that was started by a large one begins with that one's peak.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform != "darwin":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def device_peak_memory() -> int | None:
    """Bytes on the device at most, None on a CPU, whose memory is the process's."""
    statistics = jax.devices()[0].memory_stats()
    return None if statistics is None else statistics.get("peak_bytes_in_use")
