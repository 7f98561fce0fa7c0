"""Models fitted to an experiment's bars, and what no exit earns more than on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxexit.arrays import key_of
from jaxexit.config import Experiment
from jaxexit.data import Dataset
from jaxexit.data.bars import Bars
from jaxexit.data.hours import NEW_YORK
from jaxexit.errors import DataError, UserError
from jaxexit.policies import Policy
from jaxexit.truth.ceiling.bootstrap import bootstrap_start, fit_bootstrap
from jaxexit.truth.ceiling.checks import Check, Spread, checks
from jaxexit.truth.ceiling.exam import known_stage
from jaxexit.truth.ceiling.known import KINDS, optimum
from jaxexit.truth.ceiling.measure import Mean, Measured, Sizes, Stage, measured
from jaxexit.truth.ceiling.scene import Entries, walk
from jaxexit.truth.ceiling.source import Source, source_of
from jaxexit.truth.ceiling.stage import History, staged
from jaxexit.truth.ceiling.volatility import fit_volatility, volatility_start

FITTED = ("bootstrap", "volatility")
KNOWN = "known"
LEAD = 250  # real bars before an entry: indicators forget what was before them
Say = Callable[[str], None]


class Ceiling(NamedTuple):
    """What was found on one model.

    Attributes:
        model: its name.
        words: what it is, with its fitted numbers.
        knows: what the bound allows a policy to know.
        unit: of results.
        measured: ceiling, rules, and the trained policy.
        trained: whether `yours` is a trained version's; else it is what was learned here.
        checks: the model's bars against the real ones; empty for a known market.
        spread: the spread by hour; None for a known market.
        optimum: what the best exit is known to earn; None: unknown.
    """

    model: str
    words: str
    knows: str
    unit: str
    measured: Measured
    trained: bool
    checks: list[Check]
    spread: Spread | None
    optimum: float | None = None

    @property
    def yours(self) -> Mean:
        """Of the trained version, or of what was learned here."""
        found = self.measured
        return found.learned if found.yours is None else found.yours

    def as_json(self) -> dict[str, Any]:
        """The model's JSON object."""
        best = next(iter(self.measured.rules))
        rule, spread = self.measured.rules[best], self.spread
        return {
            "model": self.model,
            "words": self.words,
            "conditions_on": self.knows,
            "unit": self.unit,
            "ceiling": self.measured.ceiling.value,
            "ceiling_error": self.measured.ceiling.error,
            "best_rule": rule.value,
            "best_rule_error": rule.error,
            "best_rule_name": best,
            "best_rule_settings": self.measured.settings.get(best, {}),
            "yours": self.yours.value,
            "yours_error": self.yours.error,
            "yours_is": "trained version" if self.trained else "learned here",
            "learned": self.measured.learned.value,
            "learned_error": self.measured.learned.error,
            "rules": {name: mean._asdict() for name, mean in self.measured.rules.items()},
            "known_optimum": self.optimum,
            "checks": [check._asdict() for check in self.checks],
            "spread_by_hour": None
            if spread is None
            else [
                {"hour": hour, "bars": _number(a), "model": _number(b)}
                for hour, (a, b) in enumerate(zip(spread.bars, spread.model, strict=True))
            ],
        }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def check_models(names: Sequence[str]) -> tuple[str, ...]:
    """Names of models, `all` for those that are fitted to bars.

    Raises:
        UserError: there is no such model.
    """
    allowed = (*FITTED, KNOWN, *KINDS)
    for name in names:
        if name not in (*allowed, "all"):
            raise UserError(f"--model: got '{name}', expected all or some of {', '.join(allowed)}")
    wanted: list[str] = []
    for name in names:
        wanted += FITTED if name == "all" else KINDS if name == KNOWN else (name,)
    return tuple(dict.fromkeys(wanted))


def real_entries(
    dataset: Dataset, source: Source, rng: np.random.Generator, trades: int, horizon: int
) -> tuple[Entries, History, np.ndarray]:
    """Training trades as entries: their bars up to the entry, direction, stop and clock are the real ones.

    Args:
        dataset: the experiment's.
        source: its bars.
        rng: draws the trades, again where there are too few.
        trades: how many.
        horizon: `max_bars`.

    Returns:
        (entries without a state, what stands before, [N] their rows of the data in order of time)

    Raises:
        DataError: none has enough bars before it.
    """
    table, market = dataset.tables["train"], dataset.market
    bars = table["entry_bar"].to_numpy(np.int64)
    able = np.flatnonzero((bars >= LEAD) & (bars + horizon < len(dataset.times)))
    if not len(able):
        raise DataError(f"ceiling: no training trade has {LEAD} bars before it")
    times = -(-trades // len(able))
    rows = np.concatenate([rng.permutation(able) for _ in range(times)])[:trades]
    entry = bars[rows]
    bid, ask = (np.asarray(side, np.float64) for side in (market.bid, market.ask))
    mid, spread = 0.5 * (bid + ask), ask - bid
    before = entry[:, None] + np.arange(1 - LEAD, 1)
    ahead = np.minimum(
        entry + np.arange(1, horizon + 2)[:, None], len(dataset.times) - 1
    )  # [H + 1, N]
    slots = source.slots[ahead]
    season = source.by_slot(source.half)[slots]
    later = np.zeros_like(season)
    for j in range(1, source.a_day + 1):
        later = np.minimum(later, season[np.minimum(np.arange(horizon + 1) + j, horizon)] - season)
    closes = np.zeros((horizon, trades), bool)
    closes[-1] = True
    if market.flat is not None:
        closes |= np.asarray(market.flat)[ahead[:-1]]
    side, stop = (table[name].to_numpy(float)[rows] for name in ("direction", "stop"))
    price = mid[entry, 3]
    risk = np.abs(table["entry_price"].to_numpy(float)[rows] - stop)
    per_price = dataset.unit.per_fraction(price, risk) / price
    numbers: list[Any] = [
        leaf.astype(np.float32) for leaf in (price, 0.5 * spread[entry, 3] / price, side, stop)
    ]
    rest: list[Any] = [
        slots.astype(np.int32),
        later.astype(np.float32),
        closes,
        np.broadcast_to(per_price, (trades,)).astype(np.float32),
    ]
    target = table["target"].to_numpy(float)[rows]
    history = History(
        bars=_bars_like(dataset),
        before=np.concatenate([mid[before], spread[before][:, :, 3:]], axis=-1),
        rows=entry[:, None] + np.arange(1 - LEAD, horizon + 1),
        side=side,
        stop=stop,
        target=target,
    )
    return Entries(None, *numbers, *rest), history, entry


def _bars_like(dataset: Dataset) -> Bars:
    return Bars(
        where="simulated bars",
        times=dataset.times[:1],
        bid=np.asarray(dataset.market.bid, float)[:1],
        ask=np.asarray(dataset.market.ask, float)[:1],
        pip=dataset.unit.size if dataset.unit.base == "price" else None,
        table=pd.DataFrame(index=range(1)),
        origin="simulated",
        widened=0,
        counted=dataset.unit,
        calendar=dataset.calendar,
    )


def ceilings(
    experiment: Experiment | None,
    dataset: Dataset | None,
    models: Sequence[str],
    sizes: Sizes,
    *,
    seed: int = 0,
    yours: tuple[Policy, Any] | None = None,
    say: Say = lambda part: None,
) -> list[Ceiling]:
    """The ceiling of an experiment's market under each model.

    Args:
        experiment: whose entries, costs, fills and horizon; None: for known markets alone.
        dataset: its data.
        models: names, as `check_models` returns them.
        sizes: how much is simulated.
        seed: of everything drawn.
        yours: the trained policy and its parameters, which observes no column of the bar file's own; None:
            what is learned here stands in its place.
        say: called with each part of the work.

    Raises:
        DataError: too few bars or trades to fit a model.
    """
    found = []
    for number, name in enumerate(models):
        key = jax.random.fold_in(key_of(seed), number)

        def part(words: str, name: str = name) -> None:
            say(f"{name}: {words}")

        if name in KINDS:
            part("simulate")
            stage = known_stage(name, sizes, seed=seed)
            result = measured(stage, sizes, key, say=part)
            model = stage.model
            found.append(
                Ceiling(
                    *(name, model.words, model.knows, stage.dataset.unit.name),
                    *(result, False, [], None, optimum(name)),
                )
            )
            continue
        assert experiment is not None
        assert dataset is not None
        found.append(_fitted(name, experiment, dataset, sizes, key, seed, yours, part))
    return found


def _fitted(
    name: str,
    experiment: Experiment,
    dataset: Dataset,
    sizes: Sizes,
    key: Any,
    seed: int,
    yours: tuple[Policy, Any] | None,
    say: Say,
) -> Ceiling:
    horizon = experiment.env.max_bars
    say("fit")
    source = source_of(dataset, at_open=experiment.env.order_fill == "next_open")
    rng = np.random.default_rng([seed, 11])
    count = sizes.fit + sizes.trades + 1
    entries, history, entry = real_entries(dataset, source, rng, count, horizon)
    if name == "bootstrap":
        model = fit_bootstrap(source)
        state: Any = bootstrap_start(source, entry)
    else:
        model = fit_volatility(source)
        state = volatility_start(model, source, entry)
    entries = jax.tree.map(jnp.asarray, entries._replace(state=state))
    keys = jax.random.split(key)
    say(f"simulate {count:,} trades")
    path = walk(model, entries, keys[0], horizon)
    say("compare with the bars")
    local = pd.DatetimeIndex(dataset.times, tz="UTC").tz_convert(NEW_YORK)
    compared, spread = checks(source, path, entry, np.asarray(local.hour))
    say("lay out")
    own = any(feature.from_bars for feature in dataset.features)
    features = () if own else dataset.features
    made = staged(experiment, history, path, features, dataset, sizes.fit)
    stage = Stage(experiment, model, entries, path, made)
    result = measured(stage, sizes, keys[1], yours, say)
    return Ceiling(
        *(name, model.words, model.knows, dataset.unit.name, result),
        *(result.yours is not None, compared, spread),
    )
