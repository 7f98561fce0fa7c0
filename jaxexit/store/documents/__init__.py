"""The documents of a root: what each must be, and the one place where they are read."""

from jaxexit.store.documents.beside import Audit, Baselines, SweepTable
from jaxexit.store.documents.reading import (
    checked,
    line_about,
    parsed,
    read_document,
    write_document,
)
from jaxexit.store.documents.registry import RegistryDocument
from jaxexit.store.documents.results import Summary
from jaxexit.store.documents.runs import Manifest, MetricsLine, Plan, Pointer, Provenance, WandbRun

__all__ = [
    "Audit",
    "Baselines",
    "Manifest",
    "MetricsLine",
    "Plan",
    "Pointer",
    "Provenance",
    "RegistryDocument",
    "Summary",
    "SweepTable",
    "WandbRun",
    "checked",
    "line_about",
    "parsed",
    "read_document",
    "write_document",
]
