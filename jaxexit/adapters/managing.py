"""What every adapter does: bars in, and for each open trade what its library must do about it.

The decisions are those of `live.Advisor`, which runs the environment's own `reset`, `observe` and `step`.
Nothing is simulated here: an adapter turns its library's bars and trades into calls of a `Manager`, and each
`Instruction` into its library's orders.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.config.actions import ACTIONS
from jaxexit.data.bars import PriceSide
from jaxexit.errors import UserError
from jaxexit.lab.trained import open_trained
from jaxexit.live.advisor import Advisor
from jaxexit.live.messages import Message
from jaxexit.live.policy import TrainedPolicy, restore_policy
from jaxexit.store.checkpoints import Which

Version = str | Path | TrainedPolicy
"""A trained version: its YAML file, run folder or name; or its policy, restored already."""

_LOG = logging.getLogger("jaxexit.adapters")
_CLOSES = {action.name: action.closes for action in ACTIONS}


class Instruction(NamedTuple):
    """What a library must do about one open trade, at the close of the last bar.

    Attributes:
        trade: its name.
        reason: the action (EXIT, HOLD, ...), or why the environment holds it for closed (STOP, TIME, ...).
        k: the decision; -1 where the environment holds the trade for closed.
        close: close all of it at the market.
        part: share of what is open to close at the market; 0: nothing.
        stop: price of the stop from now on; None where the trade is over.
    """

    trade: str
    reason: str
    k: int
    close: bool
    part: float
    stop: float | None


class Manager:
    """A version's decisions on the trades that a library has open in one market.

    Attributes:
        advisor: who decides.
        told: the present instruction for each trade, by name. It stays until the next bar, or until
            `forget`.
        messages: everything that the advisor has said, oldest first.
    """

    def __init__(
        self,
        version: Version,
        *,
        root: str | Path | None = None,
        checkpoint: Which = "best",
        seed: int | None = None,
        price_side: PriceSide | None = None,
        pip: float | None = None,
        history: str | Path | None = None,
    ) -> None:
        """Open a version; arguments as in `Advisor`.

        Raises:
            UserError: there is no such version or checkpoint.
        """
        self.policy = restored(version, root, checkpoint, seed)
        self.advisor = Advisor(
            as_traded(self.policy),
            price_side=price_side,
            pip=pip,
            history=history,
            accept_jumps=True,  # the library trades on these bars whatever they say
        )
        self.told: dict[str, Instruction] = {}
        self.messages: list[Message] = []
        self._last: np.datetime64 | None = None
        self._opened: set[str] = set()

    def see(self, bars: pd.DataFrame) -> dict[str, Instruction]:
        """Take the closed bars up to now; those seen before are passed over.

        Args:
            bars: a row a bar, oldest first, with a column `time` (a bar's open, as timestamps) and prices as
                bar files have them. It may begin with any bar not later than the first that was not seen.

        Returns:
            `told`: the instructions at the close of the last bar.
        """
        times = _stamps(bars)
        fresh = 0 if self._last is None else int(np.searchsorted(times, self._last, side="right"))
        if fresh < len(times):
            self._last = times[-1]
            self._hear(self.advisor.on_bars(bars.iloc[fresh:]))
        return self.told

    def open(
        self, trade: str, time: Any, direction: int, stop: float | None = None
    ) -> Instruction | None:
        """Follow a trade from its decision 0 on.

        Args:
            trade: its name, not used before.
            time: the open of the bar at whose close the trade was decided on: it is filled at the open of
                the next one (or at that close, if the version's entries are).
            direction: 1 long, -1 short.
            stop: its first stop, price; None: the version's own, in ATR.

        Returns:
            The instruction at the close of the last bar; None where the trade cannot be followed (the log
            says why) or its bar was not seen yet.
        """
        row = {
            "trade": trade,
            "entry_time": time,
            "direction": "long" if direction > 0 else "short",
            **({} if stop is None else {"stop": stop}),
        }
        self._opened.add(trade)
        self._hear(self.advisor.open(row))
        return self.told.get(trade)

    def knows(self, trade: str) -> bool:
        """Whether a trade was opened here before: it is followed, or was, or cannot be."""
        return trade in self._opened

    def continues(self, bars: pd.DataFrame) -> bool:
        """Whether bars begin no later than with the first that was not seen."""
        return self._last is None or bool((_stamps(bars) == self._last).any())

    def forget(self, trade: str) -> None:
        """Stop following a trade that its library has closed."""
        self.told.pop(trade, None)
        if trade in self.advisor.open_trades:
            self.messages += self.advisor.close(trade)

    def _hear(self, lines: list[Message]) -> None:
        self.messages += lines
        partial = self.policy.experiment.env.partial_fraction
        for line in lines:
            trade = line.get("trade")
            if line["type"] == "advice":
                closes = _CLOSES[line["action"]]
                self.told[line["trade"]] = Instruction(
                    trade=line["trade"],
                    reason=line["action"],
                    k=line["k"],
                    close=closes == "all",
                    part=min(1.0, partial / line["remaining"]) if closes == "part" else 0.0,
                    stop=single(line["stop"]),
                )
            elif line["type"] == "closed":
                self.told[line["trade"]] = Instruction(
                    line["trade"], line["reason"], -1, close=True, part=0.0, stop=None
                )
            elif line["type"] in ("error", "warning"):
                name = "" if trade is None else f"trade {trade}: "
                at = "" if line["time"] is None else f"{line['time']}: "
                _LOG.log(
                    logging.ERROR if line["type"] == "error" else logging.WARNING,
                    f"{name}{at}{line['message']}",
                )


def _stamps(bars: pd.DataFrame) -> np.ndarray:
    """Opens of bars, datetime64; UTC where they have an offset."""
    return np.asarray(pd.DatetimeIndex(bars["time"]).values)


def restored(
    version: Version,
    root: str | Path | None = None,
    checkpoint: Which = "best",
    seed: int | None = None,
) -> TrainedPolicy:
    """The policy of a version, as `Advisor` opens it.

    Raises:
        UserError: there is no such version or checkpoint.
    """
    if isinstance(version, TrainedPolicy):
        return version
    return restore_policy(
        open_trained(version, None if root is None else Path(root)), checkpoint, seed
    )


def as_traded(policy: TrainedPolicy) -> TrainedPolicy:
    """The same policy on trades that a library opens: named by the bar that they were decided in.

    A version that was trained on a list's own prices (`env.entry_fill: given`) takes the next open for the
    entry, which is where a library's market order fills.
    """
    experiment = policy.experiment
    fill = experiment.env.entry_fill
    fill = "next_open" if fill == "given" else fill
    env = experiment.env.model_copy(update={"entry_fill": fill})
    data = experiment.data.model_copy(update={"filled_at": "bar_close", "align": "exact"})
    return replace(policy, experiment=experiment.model_copy(update={"env": env, "data": data}))


def single(price: float) -> float:
    """A float32 price as the shortest decimal number that is the same float32.

    The environment compares prices as float32, libraries as float64. 1.0801 in float32 is 1.08009982 in
    float64, which a low of 1.0801 does not touch; its shortest decimal, 1.0801, it does.
    """
    return float(str(np.float32(price)))


def check_installed(module: str, extra: str) -> None:
    """Say how a library is installed that is not there.

    Raises:
        UserError: it is not.
    """
    if find_spec(module) is None:
        raise UserError(f'{module} is not installed, run: pip install "jaxexit[{extra}]"')
