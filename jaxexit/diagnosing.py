"""A list of trades diagnosed on its bars, without any training: what `jaxexit.diagnose` is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxexit import machine
from jaxexit.config import Experiment
from jaxexit.config.load import with_overrides
from jaxexit.config.text import override_texts, yaml_text
from jaxexit.data import Dataset, Sources
from jaxexit.errors import DataError, UserError
from jaxexit.evaluate import Backtest
from jaxexit.forensics import (
    DEFAULT,
    Diagnosis,
    Examined,
    Prices,
    Settings,
    checked,
    examine_list,
    of_backtest,
)
from jaxexit.lab.training import seed_folder

__all__ = ["Diagnosis", "diagnose", "examine"]

VERSION = "v0_diagnosis"  # of the experiment that says how files are read and what is charged
IN_MEMORY = "DataFrame"
FIXED = ("data.entries", "data.bars", "data.trades", "env.entry_fill")
PLACES = ("data.filled_at", "data.align")
TRIED = ((), ("data.filled_at=bar_open",), ("data.filled_at=bar_open", "data.align=enclosing"))
"""How entries may lie in their bars, the usual first; used until one is not refused, where nobody says."""


def diagnose(
    trades: Any,
    bars: Any,
    *,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    prices: Prices = "paid",
    tag: str | None = None,
    **settings: Any,
) -> Diagnosis:
    """What a list of trades, with the exits that it has, says about them. Nothing is trained.

    Args:
        trades: a list with entry and exit times and prices: a path, or a DataFrame, as of `load`.
        bars: the bars that it was traded on, likewise.
        overrides: keys of an experiment's sections data, costs and env and their values,
            `{"costs.commission": 0.0002}`, or the texts of `--set`. With a DataFrame `{"data.bars":
            "EURUSD"}` says whose bars they are, as a file's name would. Where neither `data.filled_at` nor
            `data.align` is among them, the usual ways in which lists are stamped are tried in turn; `notes`
            say which it was.
        prices: "paid": the list's prices are what was paid. "chart": they are of one side, or the middle, of
            a chart; half of the bars' spread is charged at either end.
        tag: a column of the list to group trades by; None: columns of words are found.
        **settings: `after` (bars looked at after an exit, 50), `widths` of wider stops ((1.5, 2.0, 3.0)),
            `scratch_r` (0.1), `size` (share of the account risked at each trade, 0.01), `ruin` (loss of the
            start that counts as ruin, 0.5), `seed`.

    Returns:
        DataFrames, each computed when it is asked for.

    Raises:
        UserError: one line, for whatever is wrong with files, keys or settings.
    """
    unknown = set(settings) - set(Settings._fields)
    if unknown:
        raise UserError(
            f"{sorted(unknown)[0]}: is no setting, expected one of {', '.join(Settings._fields)}"
        )
    if "widths" in settings:
        settings["widths"] = tuple(float(width) for width in settings["widths"])
    asked = checked(DEFAULT._replace(**settings))
    return Diagnosis(examine(trades, bars, overrides=overrides, prices=prices, tag=tag), asked)


def examine(
    trades: Any,
    bars: Any,
    *,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    prices: Prices = "paid",
    tag: str | None = None,
) -> Examined:
    """The trades of `diagnose`; arguments as there."""
    if prices not in ("paid", "chart"):
        raise UserError(f"prices: got {prices!r}, expected 'paid' or 'chart'")
    machine.prepare_jax()
    texts, frames = override_texts(overrides), {}
    for text in texts:
        name = text.partition("=")[0].strip()
        if name in FIXED and not (name == "data.bars" and not isinstance(bars, str | Path)):
            raise UserError(f"--set {text}: '{name}' cannot be set, a diagnosis has it already")
    named: list[str] = []
    for name, given in (("bars", bars), ("trades", trades)):
        if isinstance(given, str | Path):
            named.append(f"data.{name}={yaml_text(str(given))}")
        else:
            frames[name] = given
            if not any(text.startswith(f"data.{name}=") for text in texts):
                named.append(f"data.{name}={IN_MEMORY}")
    texts = ["data.entries=trades", "env.entry_fill=given", *named, *texts]
    sources = Sources(**frames)
    said = any(text.partition("=")[0].strip() in PLACES for text in texts)
    first: DataError | None = None
    for more in TRIED if not said else ((),):
        experiment = with_overrides(Experiment(version=VERSION), [*texts, *more])
        try:
            found = examine_list(experiment, sources, prices=prices, tag=tag)
        except DataError as error:
            first = first or error
            if not any(f"set {place} to" in str(error) for place in PLACES):
                raise first from None
            continue
        if more:
            found = _noting(found, more)
        return found
    assert first is not None
    raise first


def _noting(found: Examined, more: Sequence[str]) -> Examined:
    words = " and ".join(text.replace("=", " ") for text in more)
    return replace(found, notes=(*found.notes, f"Found from the list's times and prices: {words}."))


def of_result(
    experiment: Experiment,
    dataset: Dataset,
    summary: dict[str, Any],
    folder: Path,
    policy: str | None = None,
) -> Diagnosis:
    """What a recorded result's trades say about their exits.

    Args:
        experiment: whose result.
        dataset: its data.
        summary: of the result.
        folder: where it is kept.
        policy: a baseline's name; None: the learned one, of several agents the first.

    Raises:
        UserError: there is no such policy in it.
    """
    names = list(summary["policies"])
    name = names[0] if policy is None else policy
    if name not in names:
        raise UserError(f"policy: got {name!r}, expected one of {', '.join(names)}")
    home = folder / seed_folder(experiment.seed) if experiment.seeds > 1 else folder
    trades = pd.read_parquet(home / "trades.parquet")
    table = trades.take(np.flatnonzero(trades["policy"].to_numpy(str) == name))
    return Diagnosis(of_backtest(Backtest(experiment, dataset, summary["split"]), table, name))
