# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Guard statistics
#
# A guard blocks an action: the attempt becomes HOLD and costs a penalty. Which actions does a trained version
# attempt, where is it stopped, and what do the guards cost and save?
#
# Train a version first, for instance `python -m jaxexit.train experiments/v2_exit_guards.yaml`.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from jaxexit import machine
from jaxexit.env import ACTIONS
from jaxexit.env.guards import BAR_BINS, PROFIT_BANDS
from jaxexit.lab.guards import attempts_in_backtest, attempts_in_training, without_each_guard
from jaxexit.lab.trained import open_trained

# %matplotlib inline
machine.prepare_jax()  # with its compilation cache: run again, this notebook is quicker
ROOT = Path(os.environ.get("JAXEXIT_NOTEBOOK_ROOT", "../experiments"))
VERSION = os.environ.get("JAXEXIT_NOTEBOOK_VERSION", "v2_exit_guards")
SPLIT = "test"

version = open_trained(VERSION, ROOT)
training = attempts_in_training(version)
backtest = attempts_in_backtest(version, SPLIT)
seeds = version.experiment.seeds
print(
    f"{VERSION}: {training['env_steps'].max():,} environment steps for each of {seeds} seed(s), "
    f"{training['count'].sum():,} attempts in training, {backtest['count'].sum():,} in the backtest on {SPLIT}"
)

# %% [markdown]
# ## In training
#
# Left: what is attempted. Right: the share of attempts of each action that a guard blocked. An agent that learns
# its guards stops attempting what is blocked.

# %%
COLOURS = dict(zip(ACTIONS, ("#888888", "#0072b2", "#e69f00", "#009e73", "#cc79a7"), strict=True))
STYLES = dict(zip(ACTIONS, ("-", "--", "-.", ":", (0, (5, 1))), strict=True))


def axes(columns: int, height: float = 3.6):
    _, found = plt.subplots(1, columns, figsize=(10, height), layout="constrained")
    for one in np.atleast_1d(found):
        one.spines[["top", "right"]].set_visible(False)
    return np.atleast_1d(found)


attempted = training.pivot_table(
    index="env_steps", columns="action", values="count", aggfunc="sum", fill_value=0
).reindex(columns=ACTIONS, fill_value=0)
blocked = (
    training[training["blocked"]]
    .pivot_table(index="env_steps", columns="action", values="count", aggfunc="sum", fill_value=0)
    .reindex(index=attempted.index, columns=ACTIONS, fill_value=0)
)
left, right = axes(2)
for action in ACTIONS:
    style = {"color": COLOURS[action], "linestyle": STYLES[action], "label": action}
    left.plot(attempted.index / 1e6, 100 * attempted[action] / attempted.sum(axis=1), **style)
    tried = attempted[action].where(attempted[action] > 0)
    if blocked[action].any():
        right.plot(attempted.index / 1e6, 100 * blocked[action] / tried, **style)
left.set(xlabel="environment steps of each seed, millions", ylabel="% of attempts", ylim=(0, None))
left.set_title("attempts by action")
right.set(xlabel="environment steps of each seed, millions", ylabel="% of the action's attempts")
right.set_ylim(0, 100)
right.set_title("blocked")
left.legend(frameon=False, fontsize=8)
right.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# Which rule blocked, in the first and the last update (an attempt that two rules block is counted with both names).

# %%
ends = training[training["blocked"] & training["env_steps"].isin(attempted.index[[0, -1]])]
rules = ends.pivot_table(
    index=["action", "rules"], columns="env_steps", values="count", aggfunc="sum", fill_value=0
)
rules.columns = pd.Index([f"after {steps:,} steps" for steps in rules.columns])
rules

# %% [markdown]
# ## In the backtest: where guards act
#
# Blocked attempts of the trained network on unseen trades, by bar of the trade and by what the trade was worth.


# %%
def stacked(where, table: pd.DataFrame, by: str, order: tuple[str, ...]) -> None:
    counts = table.pivot_table(index=by, columns="action", values="count", aggfunc="sum")
    counts = counts.reindex(index=pd.Index(order), columns=ACTIONS).fillna(0.0)
    base = np.zeros(len(order))
    for action, hatch in zip(ACTIONS, ("", "//", "..", "xx", "--"), strict=True):
        if counts[action].any():
            where.bar(
                order, counts[action], bottom=base, color=COLOURS[action], hatch=hatch, label=action
            )
            base = base + counts[action].to_numpy()
    where.tick_params(axis="x", rotation=45, labelsize=8)
    if base.any():
        where.legend(frameon=False, fontsize=8)
    else:
        where.text(0.5, 0.5, "nothing was blocked", ha="center", transform=where.transAxes)


own = backtest[backtest["blocked"]].copy()
edges = [int(name.split("-")[0].rstrip("+")) for name in BAR_BINS]
own["bar"] = [BAR_BINS[i] for i in np.searchsorted(edges, own["k"], side="right") - 1]
left, right = axes(2)
stacked(left, own, "bar", BAR_BINS)
left.set(xlabel="bar of the trade", ylabel="blocked attempts, all seeds", title="by bar")
stacked(right, own, "profit_band", PROFIT_BANDS)
right.set(xlabel="unrealised net profit, of the entry price", title="by profit")
plt.show()

# %% [markdown]
# ## The same trades with each guard off
#
# The trained network plays the same trades again, with one guard at a time switched off, through the same `step`.
# *guard gives* is what the guard adds to a trade, paired, with its 95% interval: above zero the guard saves money,
# below zero it costs. The network never learned what to do without the guard, so this is what the guard forbids at
# the end of training, and not what training without it would give. Every row is a look at the split, and counted.

# %%
off = without_each_guard(version, SPLIT)
off.set_index("guard")[
    ["value", "net_pips", "guard_gives", "low", "high", "bars_held", "exits_at_bar_0"]
].round(3) if len(off) else "no guard is in force"

# %%
if len(off):
    (only,) = axes(1, 0.6 + 0.5 * len(off))
    place = np.arange(len(off))[::-1]
    reach = np.stack([off["guard_gives"] - off["low"], off["high"] - off["guard_gives"]])
    reach = np.where(np.isfinite(reach), reach, 0.0)  # too few independent trades: no interval
    only.errorbar(off["guard_gives"], place, xerr=reach, fmt="o", color="black", capsize=4)
    only.axvline(0, color="#888888", linewidth=1)
    only.set_yticks(place, off["guard"])
    only.set(
        xlabel="net pips a trade that the guard gives (95% interval)", ylim=(-0.6, len(off) - 0.4)
    )
    plt.show()
for verdict in (f"{row.guard}: with it {row.verdict}" for row in off.itertuples()):
    print(verdict)
