"""Bars and trades: files in, device arrays out."""

from jaxexit.data.dataset import Dataset, Folds, Origin, load_dataset, load_folds
from jaxexit.data.features import FEATURES, Feature, resolve_features
from jaxexit.data.sources import Sources
from jaxexit.data.types import Market, Trades

__all__ = [
    "FEATURES",
    "Dataset",
    "Feature",
    "Folds",
    "Market",
    "Origin",
    "Sources",
    "Trades",
    "load_dataset",
    "load_folds",
    "resolve_features",
]
