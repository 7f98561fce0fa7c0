"""An advisor that survives: its calls noted in a journal, its snapshot made and read."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.data.charges import Charges
from jaxexit.errors import UserError
from jaxexit.live.entering import WaitingTrade
from jaxexit.live.feed import Feed
from jaxexit.live.following import Follower
from jaxexit.live.journal import Journal
from jaxexit.live.messages import Message, message, stamp
from jaxexit.live.policy import TrainedPolicy
from jaxexit.units import Unit

Act = Callable[[str, Any, dict[str, Any]], list[Message]]


class Keeper:
    """What an advisor knows, on disk after each line; what it knew, restored.

    Attributes:
        listed: names of the trades that came from lists.
        opening: what was said to the last list.
    """

    def __init__(
        self,
        path: Path,
        policy: TrainedPolicy,
        feed: Feed,
        follower: Follower,
        waiting: dict[str, WaitingTrade],
        act: Act,
    ) -> None:
        """Open a state and bring an advisor to where it was.

        Raises:
            UserError: the state is of another version or another history, or is in use.
        """
        self._feed, self._follower, self._waiting, self._act = feed, follower, waiting, act
        self._journal = Journal(path)
        self._of = {
            "version": policy.experiment.version,
            "checkpoint_sha256": policy.sha256,
            "history": _fingerprint(feed),
            "side": feed.side,
        }
        self.listed: set[str] = set()
        self.opening: list[Message] = []
        try:
            if self._journal.snapshot is not None:
                self._restore(path, self._journal.snapshot)
        except BaseException:
            self._journal.close()
            raise

    @property
    def lines(self) -> int:
        """How many lines were taken, in all."""
        return self._journal.lines

    def take(
        self, kind: str, content: Any, more: dict[str, Any], line: int | None
    ) -> list[Message]:
        """The answer to a line: what was said to it already, or what is said now, and noted before."""
        entry = [kind, plain(content)]
        try:
            known = self._journal.known(entry, line)
        except UserError as error:
            return [message("error", "bad_line", None, str(error))]
        if known is not None:
            return known
        answer = self._act(kind, entry[1], more)
        if self._journal.take(entry, more, answer):
            self.compact()
        return answer

    def compact(self) -> None:
        """Replace the file by a snapshot."""
        feed = self._feed
        unit, charges = feed.unit, feed.fixed_charges
        snapshot = {
            "of": self._of,
            "unit": None if unit is None else list(unit),
            "charges": None if charges is None else charges._asdict(),
            "follower": self._follower.snapshot(),
            "waiting": [
                [w.name, int(w.time.astype("datetime64[ns]").astype(np.int64)), w.direction]
                + [None if math.isnan(price) else price for price in w[3:]]
                for w in self._waiting.values()
            ],
            "listed": sorted(self.listed),
            "opening": self.opening,
        }
        self._journal.compact(snapshot, feed.numbers(feed.history + self._journal.kept_bars))

    def close(self) -> None:
        """Let others use the state."""
        self._journal.close()

    def _restore(self, path: Path, snapshot: dict[str, Any]) -> None:
        for key, words in (
            ("version", "the version"),
            ("checkpoint_sha256", "the checkpoint"),
            ("history", "--history"),
            ("side", "--price-side"),
        ):
            if snapshot["of"][key] != self._of[key]:
                raise UserError(
                    f"--state: {path} was written with another {words.removeprefix('the ')} "
                    f"({_shown(snapshot['of'][key])}, now {_shown(self._of[key])}): give the same, or begin "
                    "a new state"
                )
        unit = None if snapshot["unit"] is None else Unit(*snapshot["unit"])
        charges = None if snapshot["charges"] is None else Charges(**snapshot["charges"])
        self._feed.put_numbers(self._journal.bars(), unit, charges)
        self._follower.restore(snapshot["follower"])
        for name, time, direction, *prices in snapshot["waiting"]:
            known: Any = [np.nan if price is None else price for price in prices]
            self._waiting[name] = WaitingTrade._make(
                (name, np.datetime64(time, "ns"), direction, *known)
            )
        self.listed, self.opening = set(snapshot["listed"]), snapshot["opening"]
        for entry, more in self._journal.since:
            call: Any = (*entry, more)
            self._journal.replayed(entry, self._act(*call))


def plain(value: Any) -> Any:
    """A value of the Python API as JSON has it; what is no number is none."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(pd.Timestamp(value)) if isinstance(value, np.datetime64) else str(value)


def _fingerprint(feed: Feed) -> dict[str, Any] | None:
    if not feed.history:
        return None
    numbers = feed.numbers(0)
    return {
        "bars": len(numbers),
        "from": stamp(feed.times[0]),
        "to": stamp(feed.times[-1]),
        "sha256": hashlib.sha256(numbers.tobytes()).hexdigest(),
    }


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return (
            f"{value['bars']:,} bars from {value['from']} to {value['to']}, {value['sha256'][:8]}"
        )
    return "none" if value is None else str(value)[:16]
