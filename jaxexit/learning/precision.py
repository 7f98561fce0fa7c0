"""Which precision a device multiplies fastest in: measured once, kept beside the compiled programs."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.policies import Precision
from jaxexit.policies.half import half_product

Asked = Literal["float32", "bfloat16", "auto"]
SAMPLES, UNITS = 2048, 256
RUNS = 7
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


def precision_of(asked: Asked) -> Precision:
    """The precision of `network.precision`; `auto` is what is fastest on the device at hand."""
    return speeds().fastest if asked == "auto" else asked


def precision_facts(asked: Asked) -> dict[str, Any]:
    """What was asked for, what it became, and why: for a run's provenance."""
    measured = speeds()._asdict() if asked == "auto" else None
    return {"asked": asked, "used": precision_of(asked), "seconds": measured}


@lru_cache(maxsize=1)
def speeds() -> Speeds:
    """Of the device at hand: from the file beside the compilation cache, or measured.

    Several processes that train together take the first one's.
    """
    found = _known()
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        # Measured and not read by all: who broadcasts must do so together with the others.
        found = Speeds(*multihost_utils.broadcast_one_to_all(np.asarray(found)).tolist())
    return found


def processor() -> str:
    """The processor's name."""
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        for line in listed.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _known() -> Speeds:
    device = jax.local_devices()[0]
    where = processor() if device.platform == "cpu" else device.device_kind
    key = f"{device.platform}: {where}, jax {jax.__version__}"
    folder: str | None = getattr(jax.config, "jax_compilation_cache_dir", None)
    file = None if folder is None else Path(folder) / FILE
    table = _read(file)
    try:
        return Speeds(*(float(seconds) for seconds in table[key]))
    except (KeyError, TypeError, ValueError):
        found = _measured()
    if file is not None:
        beside = file.with_name(f"{FILE}.{os.getpid()}")
        try:
            beside.write_text(json.dumps({**table, key: list(found)}, indent=1), encoding="utf-8")
            beside.replace(file)
        except OSError:
            pass  # a cache: it is measured again
    return found


def _read(file: Path | None) -> dict[str, Any]:
    try:
        table = json.loads(file.read_text(encoding="utf-8")) if file is not None else {}
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def _measured() -> Speeds:
    random = np.random.default_rng(0)
    inputs = jnp.asarray(random.standard_normal((SAMPLES, UNITS)), jnp.float32)
    kernel = jnp.asarray(random.standard_normal((UNITS, UNITS)), jnp.float32)

    @jax.jit
    def layer(inputs: jax.Array, kernel: jax.Array) -> Any:
        out, back = jax.vjp(jnp.dot, inputs, kernel)
        return out, back(inputs)

    @jax.jit
    def half_layer(inputs: jax.Array, kernel: jax.Array) -> Any:
        out, back = jax.vjp(lambda x, w: half_product(x, w, 0), inputs, kernel)
        return out, back(inputs)

    def seconds(run: Any) -> float:
        began = time.perf_counter()
        jax.block_until_ready(run(inputs, kernel))
        return time.perf_counter() - began

    runs = (layer, half_layer)
    for run in runs:
        seconds(run)  # compiled
    took = [[seconds(run) for run in runs] for _ in range(RUNS)]
    return Speeds(*(statistics.median(of_one) for of_one in zip(*took, strict=True)))
