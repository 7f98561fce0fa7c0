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
# # Your own bars and trades, from a DataFrame to a report
#
# Everything below works on DataFrames in memory: no files are needed but the experiment's YAML. The market is made
# here, so that we know what there is to find: a random walk plus a deviation that decays within half a day. The
# trades fade stretched prices, and a good exit leaves once the price has come back.

# %%
import os
import shutil
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd

import jaxexit

# %matplotlib inline
SOURCE = Path(os.environ.get("JAXEXIT_NOTEBOOK_EXPERIMENT", "../experiments/v2_exit_guards.yaml"))
STEPS = int(os.environ.get("JAXEXIT_NOTEBOOK_STEPS", 1_048_576))
BARS = int(os.environ.get("JAXEXIT_NOTEBOOK_BARS", 12_000))

# A registry beside the experiment's file counts every evaluation of a test split. This market is invented, so the
# notebook leaves yours alone and works on a copy of the YAML files.
FOLDER = Path(mkdtemp())
for file in SOURCE.parent.glob("v*.yaml"):
    shutil.copy(file, FOLDER)
EXPERIMENT = FOLDER / SOURCE.name

# %% [markdown]
# ## A market
#
# Hourly bars of twelve ticks each. `time` is the bar's open, in UTC.

# %%
rng = np.random.default_rng(7)
TICKS = 12
count = TICKS * BARS
deviation = np.zeros(count)
shocks = rng.normal(0, 0.0002, count)
for i in range(1, count):
    deviation[i] = 0.99 * deviation[i - 1] + shocks[i]
walk = np.cumsum(rng.normal(0, 0.0003, count))
price = (1.10 * np.exp(walk + deviation)).reshape(BARS, TICKS).round(5)
opens = np.concatenate([price[:1, 0], price[:-1, -1]])  # a bar opens where the last one closed
bars = pd.DataFrame(
    {
        "time": pd.date_range("2022-01-03", periods=BARS, freq="h", tz="UTC"),
        "open": opens,
        "high": np.maximum(price.max(axis=1), opens),
        "low": np.minimum(price.min(axis=1), opens),
        "close": price[:, -1],
    }
)
bars.tail(3)

# %% [markdown]
# ## Trades
#
# Short where the close is two standard deviations above the mean of the last day, long where it is below, with
# a stop 60 pips away. Only closed bars are used: an entry knows nothing of its own future.

# %%
close = bars["close"]
score = (close - close.rolling(24).mean()) / close.rolling(24).std()
crossed = (score.abs() > 2) & (score.abs().shift() <= 2)
side = -np.sign(score[crossed])
trades = pd.DataFrame(
    {
        "entry_time": bars.loc[crossed, "time"],
        "direction": np.where(side > 0, "long", "short"),
        "sl": close[crossed] - side * 0.0060,
    }
)
print(f"{len(trades):,} trades")
trades.head(3)

# %% [markdown]
# ## Load
#
# `data.bars` names the market, as a file's name would. Whatever is wrong with the data is said here, in one line,
# before anything is trained.

# %%
study = jaxexit.load(
    EXPERIMENT,
    bars=bars,
    trades=trades,
    overrides={
        "data.bars": "EURUSD",
        "data.price_side": "mid",
        "costs.spread_pips": 1.0,
        "env.max_bars": 48,
    },
)
for line in study.dataset.summary:
    print(line)

# %% [markdown]
# ## Train
#
# `root=None` keeps the run in a temporary folder that goes with the object, outside of every registry;
# `root="runs"` would keep it. The test split is not looked at here.

# %%
run = study.train(total_timesteps=STEPS)
run.metrics[["net_pips_mean", "bars_held_mean", "blocked_share", "entropy"]].plot(
    subplots=True, layout=(2, 2), figsize=(9, 5), legend=True
)

# %% [markdown]
# ## Backtest
#
# Every unseen trade once, under the learned policy and every baseline. The first words say what nobody could
# verify: where the trades come from, and what the spread is.

# %%
result = run.backtest("test")
result

# %%
result.plot()

# %%
result.trades.groupby(["policy", "exit_reason"])["net_pips"].agg(["count", "mean"]).loc["learned"]

# %% [markdown]
# ## Compare
#
# The same study without guards, under another name, on the same trades.

# %%
free = study.named("v3_no_guards").changed(
    {"guards.min_profit_for_exit": 0, "guards.min_bars_for_exit": 0}
)
run.compare(free.train(total_timesteps=STEPS, progress=False))

# %% [markdown]
# ## Audit, report, export
#
# The audit tries to prove the result false. The report is one HTML file with every decision.
# `run.export("out/")` writes the policy as ONNX and StableHLO (extra `export`).

# %%
audit = run.audit()
print(audit)
audit.findings.query("severity != 'pass'")[["severity", "check", "what", "size"]]

# %%
page = result.report(run.path / "report.html")
print(f"report: {page.stat().st_size / 1e6:.1f} MB")
