"""Bars and trades: files in, device arrays out."""

from jaxexit.data.dataset import Dataset, load_dataset
from jaxexit.data.features import FEATURES, Feature, resolve_features
from jaxexit.data.types import Market, Trades

__all__ = [
    "FEATURES",
    "Dataset",
    "Feature",
    "Market",
    "Trades",
    "load_dataset",
    "resolve_features",
]
