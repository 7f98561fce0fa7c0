"""Which precision a device multiplies fastest in: measured once, kept beside the compiled programs."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.config import Experiment
from jaxexit.policies import Precision
from jaxexit.policies.half import half_product

SAMPLES, UNITS = 2048, 256  # of the layer that is timed
LAYERS = 16  # one after the other in one program: on a GPU one alone would time its launch
RUNS = 5
FASTER = 1.2  # times: below, half precision is not in hardware, or not worth its rounding
FILE = "precision.json"


class Speeds(NamedTuple):
    """Seconds of a dense layer's three products, forward and backward."""

    float32: float
    bfloat16: float

    @property
    def fastest(self) -> Precision:
        """bfloat16 where it is clearly faster."""
        return "bfloat16" if self.float32 > FASTER * self.bfloat16 else "float32"


def decided(experiment: Experiment, begun: dict[str, Any] | None = None) -> Experiment:
    """The experiment with what `network.precision: auto` is here, for whoever trains it.

    Of several processes the first one decides; all must call this at the same point.

    Args:
        experiment: any; unchanged where there is nothing to decide.
        begun: provenance of the training that is continued: it goes on as it began, on any device.
    """
    if experiment.learner != "ppo" or experiment.network.precision != "auto":
        return experiment
    used = ((begun or {}).get("precision") or {}).get("used") or experiment.precision_used
    return experiment.model_copy(update={"precision_used": used or _fastest()})


def precision_facts(experiment: Experiment) -> dict[str, Any] | None:
    """What was asked for, what is used, and why: for a run's provenance. None without `network.precision`.

    Args:
        experiment: as `decided` returns it.
    """
    if experiment.learner != "ppo":
        return None
    asked = experiment.network.precision
    seconds = speeds()._asdict() if asked == "auto" else None
    return {"asked": asked, "used": experiment.precision_used or asked, "seconds": seconds}


def _fastest() -> Precision:
    if jax.process_count() == 1:
        return speeds().fastest
    from jax.experimental import multihost_utils

    half = multihost_utils.broadcast_one_to_all(np.asarray(speeds().fastest == "bfloat16"))
    return "bfloat16" if half else "float32"


@lru_cache(maxsize=1)
def speeds() -> Speeds:
    """Of the device at hand: from the file beside the compilation cache, or measured."""
    device = jax.local_devices()[0]
    where = processor() if device.platform == "cpu" else device.device_kind
    key = f"{device.platform}: {where}, jax {jax.__version__}"
    folder: str | None = getattr(jax.config, "jax_compilation_cache_dir", None)
    file = None if folder is None or "://" in folder else Path(folder) / FILE
    table = _read(file)
    try:
        return Speeds(*(float(seconds) for seconds in table[key]))
    except (KeyError, TypeError, ValueError):
        found = _measured()
    if file is not None:
        beside = file.with_name(f"{FILE}.{os.getpid()}")
        with suppress(OSError):  # without it, the next process measures again
            beside.write_text(json.dumps({**table, key: list(found)}, indent=1), encoding="utf-8")
            beside.replace(file)
    return found


def processor() -> str:
    """The processor's name."""
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        for line in listed.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _read(file: Path | None) -> dict[str, Any]:
    try:
        table = json.loads(file.read_text(encoding="utf-8")) if file is not None else {}
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def _measured() -> Speeds:
    random = np.random.default_rng(0)

    def normal(*shape: int) -> jax.Array:
        return jnp.asarray(random.standard_normal(shape), jnp.float32)

    start = normal(SAMPLES, UNITS), normal(SAMPLES, UNITS), normal(UNITS, UNITS) / np.sqrt(UNITS)

    def timed(product: Any) -> Any:
        def layer(carry: Any, _: None) -> Any:
            inputs, gradient, kernel = carry
            outputs, back = jax.vjp(product, inputs, kernel)
            of_inputs, of_kernel = back(gradient)
            # Each result is the next layer's factor: nothing can be left out.
            return (outputs, of_inputs, kernel + of_kernel / SAMPLES), None

        @jax.jit
        def layers(*carry: jax.Array) -> Any:
            return jax.lax.scan(layer, carry, length=LAYERS, unroll=True)[0]

        def once() -> float:
            began = time.perf_counter()
            jax.block_until_ready(layers(*start))
            return time.perf_counter() - began

        return once

    runs = [timed(jnp.dot), timed(lambda x, w: half_product(x, w, 0))]
    for run in runs:
        run()  # compiled
    took = [[run() / LAYERS for run in runs] for _ in range(RUNS)]
    return Speeds(*(statistics.median(of_one) for of_one in zip(*took, strict=True)))
