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
# # v1 against v2
#
# `v1_baseline` may leave at once; `v2_exit_guards` may not. The same unseen trades through both: where do they leave,
# what do they earn, and is the difference more than luck?

# %%
import os
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from jaxexit.lab.comparison import (
    check_comparable,
    compare_versions,
    load_tested,
    trades_of_agents,
)
from jaxexit.store.metric_rows import cells_of
from jaxexit.store.registry import Registry
from jaxexit.store.tracking import read_metrics

# %matplotlib inline
ROOT = Path(os.environ.get("JAXEXIT_NOTEBOOK_ROOT", "../experiments"))
VERSIONS = os.environ.get("JAXEXIT_NOTEBOOK_VERSIONS", "v1_baseline v2_exit_guards").split()
SPLIT = "test"
COLOURS = dict(zip(VERSIONS, ("#0072b2", "#d55e00", "#009e73", "#cc79a7"), strict=False))
STYLES = dict(zip(VERSIONS, ("-", "--", "-.", ":"), strict=False))

tested = [load_tested(ROOT, version, SPLIT) for version in VERSIONS]
check_comparable(tested)  # the same trades, the same costs; otherwise this stops
found = compare_versions(tested, Registry(ROOT), SPLIT)
learned = {version: trades_of_agents(ROOT, version, SPLIT) for version in VERSIONS}
for one in tested:
    steps = read_metrics(ROOT / one.version / "metrics.jsonl")[-1]["env_steps"]
    seeds = one.experiment.seeds
    print(
        f"{one.version}: {len(one.table):,} trades of {SPLIT}; {seeds} seed(s) of {steps:,} steps"
    )
print(found["verdict"])


# %% [markdown]
# ## Training: who leaves at once


# %%
def axes(columns: int, height: float = 3.6):
    _, found = plt.subplots(1, columns, figsize=(10, height), layout="constrained")
    for one in np.atleast_1d(found):
        one.spines[["top", "right"]].set_visible(False)
    return np.atleast_1d(found)


history = {
    version: pd.DataFrame(read_metrics(ROOT / version / "metrics.jsonl")) for version in VERSIONS
}
panels = (
    ("exit_share_bar_0", 100, "% of trades left by EXIT at bar 0"),
    ("bars_held_mean", 1, "mean bars held"),
    ("blocked_share", 100, "% of attempts blocked"),
)
for where, (name, scale, label) in zip(axes(3), panels, strict=True):
    for version, table in history.items():
        style = {"color": COLOURS[version], "linestyle": STYLES[version], "label": version}
        where.plot(table["env_steps"] / 1e6, scale * table[name], **style)
    where.set(xlabel="environment steps, millions", ylabel=label, ylim=(0, None))
where.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## On unseen trades: when and how they leave
#
# Of several seeds, every seed's trades.

# %%
left, right = axes(2)
edges = np.array([0, 1, 2, 3, 5, 10, 20, 50, 100, 201])
names = [f"{a}" if b == a + 1 else f"{a}-{b - 1}" for a, b in pairwise(edges)]
width = 0.8 / len(VERSIONS)
for i, (version, table) in enumerate(learned.items()):
    counts, _ = np.histogram(table["bars_held"], edges)
    at = np.arange(len(names)) + (i - (len(VERSIONS) - 1) / 2) * width
    left.bar(at, 100 * counts / len(table), width, color=COLOURS[version], label=version)
left.set_xticks(range(len(names)), names, rotation=45)
left.set(xlabel="bars held", ylabel="% of trades")
left.legend(frameon=False, fontsize=8)
reasons = sorted({reason for table in learned.values() for reason in table["exit_reason"]})
for i, (version, table) in enumerate(learned.items()):
    share = table["exit_reason"].value_counts(normalize=True).reindex(reasons, fill_value=0)
    at = np.arange(len(reasons)) + (i - (len(VERSIONS) - 1) / 2) * width
    right.barh(at, 100 * share, width, color=COLOURS[version], label=version)
right.set_yticks(range(len(reasons)), reasons)
right.set(xlabel="% of trades")
plt.show()

# %% [markdown]
# ## What they earn, and what baselines earn, on the same trades

# %%
daily = {
    version: pd.read_parquet(ROOT / version / "results" / SPLIT / "daily.parquet").set_index("date")
    for version in VERSIONS
}
left, right = axes(2)
for version, table in daily.items():
    style = {"color": COLOURS[version], "linestyle": STYLES[version], "label": version}
    left.plot(table.index, table["learned"].cumsum(), **style)
for name, shade in (("classical", "#555555"), ("leave_at_once", "#aaaaaa")):
    left.plot(
        daily[VERSIONS[0]].index,
        daily[VERSIONS[0]][name].cumsum(),
        color=shade,
        label=name,
        linewidth=1,
    )
left.axhline(0, color="#888888", linewidth=0.5)
left.set(ylabel="net pips, marked to market, all trades")
left.tick_params(axis="x", rotation=45, labelsize=8)
left.legend(frameon=False, fontsize=8)
means = {version: found["metrics"][version]["intervals"]["net_pips_mean"] for version in VERSIONS}
for i, (version, one) in enumerate(means.items()):
    right.errorbar(
        [one["value"]],
        [len(VERSIONS) - 1 - i],
        xerr=[[one["value"] - one["low"]], [one["high"] - one["value"]]],
        fmt="o",
        capsize=4,
        color=COLOURS[version],
    )
right.axvline(0, color="#888888", linewidth=0.5)
right.set_yticks(range(len(VERSIONS)), VERSIONS[::-1])
right.set(xlabel="net pips a trade (95% interval)", ylim=(-0.6, len(VERSIONS) - 0.4))
plt.show()

# %% [markdown]
# ## The verdict
#
# The same table as `python -m jaxexit.compare`; the Sharpe ratio is deflated for every look at a test split so far.

# %%
rows = dict(cells_of([found["metrics"][version] for version in VERSIONS]))
pd.DataFrame(rows, index=pd.Index(VERSIONS)).T

# %%
for name, one in found["differences"].items():
    print(f"{name}, {one['trades']:,} trades: {one['verdict']}")
for name, keys in found["changes"].items():
    print(f"\n{name} changed {len(keys)} keys:")
    for key, (before, now) in keys.items():
        print(f"  {key}: {before} -> {now}")
