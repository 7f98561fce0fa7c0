"""The experiment: read from YAML, strictly validated, frozen, and written back as a snapshot."""

from jaxexit.config.load import (
    differences,
    dump_snapshot,
    experiment_sha256,
    find_experiment,
    load_experiment,
    load_snapshot,
    resolved,
)
from jaxexit.config.schema import Experiment

__all__ = [
    "Experiment",
    "differences",
    "dump_snapshot",
    "experiment_sha256",
    "find_experiment",
    "load_experiment",
    "load_snapshot",
    "resolved",
]
