"""The catalogue's exits once more: plain Python, ordinary prices, one decision after another, float64.

Each rule is a generator: it is sent what is known at a decision and answers with an order of the reference
simulator. Nothing is shared with `jaxexit.policies`.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from jaxexit.truth.reference.records import EXIT, HOLD, PARTIAL, Order
from jaxexit.truth.reference.simulator import Position


@dataclass(frozen=True)
class Seen:
    """What is known at decision k: the exit side's bar, and the trade."""

    k: int
    row: int
    direction: int
    entry: float
    risk: float
    own_stop: float
    own_target: float | None
    high: float
    low: float
    close: float
    atr: float
    parted: bool

    def ahead(self, price: float, by: float) -> float:
        """The price so far ahead of another, in the trade's favour."""
        return price + by if self.direction > 0 else price - by

    def gain(self, price: float) -> float:
        """Price units in the trade's favour since the entry."""
        return price - self.entry if self.direction > 0 else self.entry - price

    @property
    def best(self) -> float:
        """The bar's best price; of the entry bar its close."""
        if self.k == 0:
            return self.close
        return self.high if self.direction > 0 else self.low

    @property
    def worst(self) -> float:
        return self.low if self.direction > 0 else self.high


Rule = Generator[Order, Seen, None]
Numbers = dict[str, float]


def look(position: Position, k: int, atr: list[float]) -> Seen:
    """What a position shows at decision k."""
    trade, rules = position.trade, position.rules
    row = trade.entry_bar + k
    bar = position.bars[row]
    side = bar.bid if trade.direction > 0 else bar.ask
    filled = not (rules.enters_next_bar and k == 0)
    return Seen(
        k=k,
        row=row,
        direction=trade.direction,
        entry=position.entry if filled else trade.entry_price,
        risk=abs(trade.entry_price - trade.stop),
        own_stop=position.stop,
        own_target=trade.target,
        high=side.high,
        low=side.low,
        close=side.close,
        atr=atr[row],
        parted=position.partials_used > 0,
    )


def trailing(unit: Callable[[Seen], float]) -> Callable[[Numbers, Any], Rule]:
    def rule(n: Numbers, columns: Any) -> Rule:
        seen = yield Order()
        one, best = unit(seen), seen.best
        while True:
            best = max(best, seen.best) if seen.direction > 0 else min(best, seen.best)
            active = seen.gain(best) >= n["activation"] * one
            stop = seen.ahead(best, -n["distance"] * one) if active else None
            seen = yield Order(HOLD, stop=stop)

    return rule


def chandelier(n: Numbers, columns: Any) -> Rule:
    seen = yield Order()
    best = seen.best
    while True:
        best = max(best, seen.best) if seen.direction > 0 else min(best, seen.best)
        active = seen.gain(best) / seen.risk >= n["trigger_r"]
        stop = seen.ahead(best, -n["multiple"] * seen.atr) if active else None
        seen = yield Order(HOLD, stop=stop)


def parabolic_sar(n: Numbers, columns: Any) -> Rule:
    seen = yield Order()
    sar, extreme, factor = seen.own_stop, seen.close, n["step"]
    before = None
    while True:
        seen = yield Order(HOLD, stop=sar)
        if seen.gain(seen.best) > seen.gain(extreme):
            extreme, factor = seen.best, min(factor + n["step"], n["maximum"])
        sar += factor * (extreme - sar)
        for low in (seen.worst, before):
            if low is not None:
                sar = min(sar, low) if seen.direction > 0 else max(sar, low)
        before = seen.worst


def break_even_after_r(n: Numbers, columns: Any) -> Rule:
    reached = -1e9
    seen = yield Order()
    while True:
        reached = max(reached, seen.gain(seen.best) / seen.risk)
        locked = seen.ahead(seen.entry, n["lock_r"] * seen.risk)
        stop = locked if reached >= n["trigger_r"] else None
        seen = yield Order(HOLD, stop=stop, target=seen.own_target)


def roi_table(n: Numbers, columns: Any) -> Rule:
    seen = yield Order()
    while True:
        table = {4: 0.0, 2: 0.25, 1: 0.5, 0: 1.0}
        share = next(table[times] for times in table if seen.k >= times * n["bars"])
        target = seen.ahead(seen.entry, share * n["start_r"] * seen.risk)
        seen = yield Order(HOLD, target=target)


def target_ladder(n: Numbers, columns: Any) -> Rule:
    seen = yield Order()
    while True:
        now = not seen.parted and seen.gain(seen.close) / seen.risk >= n["first_r"]
        seen = yield Order(
            PARTIAL if now else HOLD,
            stop=seen.entry if now or seen.parted else None,
            target=seen.ahead(seen.entry, (n["first_r"] + n["second_r"]) * seen.risk),
        )


def triple_barrier(n: Numbers, columns: Any) -> Rule:
    seen = yield Order()
    while True:
        seen = yield Order(
            EXIT if seen.k >= n["bars"] else HOLD,
            stop=seen.ahead(seen.entry, -n["stop_r"] * seen.risk),
            target=seen.ahead(seen.entry, n["target_r"] * seen.risk),
        )


def leaving(when: Callable[[Seen, Numbers, Any, dict[str, Any]], bool]):
    def rule(n: Numbers, columns: Any) -> Rule:
        memory: dict[str, Any] = {}
        seen = yield Order()
        while True:
            action = EXIT if when(seen, n, columns, memory) else HOLD
            seen = yield Order(action, target=seen.own_target)

    return rule


def no_progress(seen: Seen, n: Numbers, columns: Any, memory: dict[str, Any]) -> bool:
    memory["best"] = max(memory.get("best", -1e9), seen.gain(seen.best) / seen.risk)
    return seen.k >= n["bars"] and memory["best"] < n["progress_r"]


def fell_far(seen: Seen, n: Numbers, columns: Any, memory: dict[str, Any]) -> bool:
    close, atr = memory.get("close"), memory.get("atr", 0.0)
    memory |= {"close": seen.close, "atr": seen.atr}
    if close is None:
        return False
    lost = close - seen.close if seen.direction > 0 else seen.close - close
    return seen.k >= n["bars"] and lost > n["multiple"] * atr


def earns(seen: Seen, least: float) -> bool:
    return seen.gain(seen.close) / seen.risk >= least


def overbought(seen: Seen, n: Numbers, columns: Any, memory: dict[str, Any]) -> bool:
    rsi = columns.rsi[seen.row]
    far = rsi >= n["level"] if seen.direction > 0 else rsi <= 100 - n["level"]
    return far and earns(seen, n["least_r"])


def crossed(seen: Seen, n: Numbers, columns: Any, memory: dict[str, Any]) -> bool:
    gap = columns.ema_gap[seen.row]
    against = gap < -n["level"] if seen.direction > 0 else gap > n["level"]
    return against and earns(seen, n["least_r"])


def touched(seen: Seen, n: Numbers, columns: Any, memory: dict[str, Any]) -> bool:
    place = columns.band_place[seen.row]
    beyond = place >= n["level"] if seen.direction > 0 else place <= -n["level"]
    return beyond and earns(seen, n["least_r"])


def day_over(seen: Seen, n: Numbers, columns: Any, memory: dict[str, Any]) -> bool:
    day, hour = columns.day[seen.row], columns.hour[seen.row]
    memory.setdefault("due", day if hour < n["hour"] else day + 1)
    over = day > memory["due"] or (day == memory["due"] and hour >= n["hour"])
    return over and not earns(seen, n["keep_r"])


def week_over(seen: Seen, n: Numbers, columns: Any, memory: dict[str, Any]) -> bool:
    friday = 4 * 24
    return columns.week_hour[seen.row] >= friday + n["hour"] and not earns(seen, n["keep_r"])


PLAIN: dict[str, Callable[[Numbers, Any], Rule]] = {
    "chandelier": chandelier,
    "trailing_fixed": trailing(lambda seen: 1.0),
    "trailing_percent": trailing(lambda seen: seen.entry / 100),
    "trailing_atr": trailing(lambda seen: seen.atr),
    "parabolic_sar": parabolic_sar,
    "break_even_after_r": break_even_after_r,
    "roi_table": roi_table,
    "target_ladder": target_ladder,
    "time_stop": leaving(no_progress),
    "volatility_stop": leaving(fell_far),
    "triple_barrier": triple_barrier,
    "rsi_reversal": leaving(overbought),
    "ema_cross": leaving(crossed),
    "band_touch": leaving(touched),
    "session_close": leaving(day_over),
    "weekend_flat": leaving(week_over),
}


def played(position: Position, name: str, numbers: Numbers, columns: Any, atr: list[float]):
    """The result of a trade under a rule."""
    rule = PLAIN[name](numbers, columns)
    next(rule)
    for k in range(position.rules.max_bars):
        position.step(k, rule.send(look(position, k, atr)))
        if not position.is_open:
            break
    return position.result()
