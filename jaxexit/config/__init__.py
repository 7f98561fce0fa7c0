"""The experiment: read from YAML, strictly validated, frozen, and written back as a snapshot."""

from jaxexit.config.load import (
    find_experiment,
    load_experiment,
    load_parent,
    parent_file,
    with_overrides,
)
from jaxexit.config.market import Recipe
from jaxexit.config.schema import Experiment
from jaxexit.config.snapshot import (
    changes,
    differences,
    dump_snapshot,
    experiment_sha256,
    load_snapshot,
    resolved,
)

__all__ = [
    "Experiment",
    "Recipe",
    "changes",
    "differences",
    "dump_snapshot",
    "experiment_sha256",
    "find_experiment",
    "load_experiment",
    "load_parent",
    "load_snapshot",
    "parent_file",
    "resolved",
    "with_overrides",
]
