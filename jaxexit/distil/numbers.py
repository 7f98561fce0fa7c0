"""The numbers a rule may ask about: what the agent sees of a trade and its market, and what traders work out.

A rule is read by people and run elsewhere, so every number has a name, words and a formula. Left out are
entries of the observation that nobody would write a rule on: the last action, the clock as a wave, and
`age`, of which `bars_held` is the plain form.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.data.features import FEATURES, Feature
from jaxexit.env import EnvSpec, Situation, observation_names
from jaxexit.env.observation import POSITION
from jaxexit.live.definitions import observation_definitions

Array = jax.Array

LEAST_ATR = 1e-12  # price units: a market that does not move divides nothing by 0


class Plain(NamedTuple):
    """A number in other units: center + scale * number; of a short the negated one where `directional`."""

    name: str
    scale: float
    center: float
    directional: bool


class Number(NamedTuple):
    """A number that a rule may ask about."""

    name: str  # an identifier in every language that rules are written in
    words: str  # completes "leave when ... > 1.8"
    formula: str  # long form, see `live.definitions.CONVENTIONS`
    unit: str
    entry: str | None = None  # of the observation; None: worked out beside it
    plain: Plain | None = None  # what people call it in other units

    def threshold(self, value: float) -> str:
        """A threshold, with what it is in the units that people use."""
        if self.plain is None:
            return f"{value:g}"
        name, scale, center, directional = self.plain
        said = f"{name} {center + value * scale:.4g}".strip()
        said += f", of a short {center - value * scale:.4g}" if directional else ""
        return f"{value:g} ({said})"


OWN = (
    Number("bars_held", "bars held", "k: bars closed since the entry bar e", "bars"),
    Number("given_back", "R given back since the best price", "mfe - unrealised", "R"),
    Number(
        "unrealised_atr",
        "unrealised profit in ATRs",
        "profit(close) * |entry| / ATR(14) at bar e+k",
        "ATR, net",
    ),
    Number(
        "behind_best_atr",
        "ATRs behind the best close",
        "(max of close over bars e..e+k - close) / ATR(14) at bar e+k",
        "ATR",
    ),
    Number(
        "bars_since_best",
        "bars since the best close",
        "k - the first bar of the best close, counted from e",
        "bars",
    ),
)
"""Worked out beside the observation, in the order of `measure`."""
WORDS = {
    "unrealised": "unrealised R",
    "mfe": "best unrealised R so far",
    "mae": "worst unrealised R so far",
    "stop_distance": "R above the stop",
    "remaining": "share still open",
    "stop_protects_entry": "stop at the entry or better (1 or 0)",
    "partials_left": "share of partial closes left",
}
"""Entries of the observation about the position that a rule may ask about."""


class Memory(NamedTuple):
    """What a rule remembers of its trade. Scalars."""

    best: Array  # long-form exit-side close: the best so far
    best_k: Array  # int32: its decision


def nothing_yet() -> Memory:
    """Before the first decision."""
    return Memory(jnp.float32(-jnp.inf), jnp.int32(0))


def remembered(memory: Memory, now: Situation) -> Memory:
    """The memory with the present close in it."""
    better = now.close > memory.best
    return Memory(
        jnp.where(better, now.close, memory.best), jnp.where(better, now.k, memory.best_k)
    )


@lru_cache(maxsize=32)
def numbers_of(spec: EnvSpec) -> tuple[Number, ...]:
    """The numbers that rules on an environment's trades may ask about, in the order of `measure`."""
    definitions = observation_definitions(spec)
    waves = {name for name in FEATURES if name.endswith(("_sin", "_cos"))}
    position = {entry.name for entry in POSITION}
    features = {feature.name: feature for feature in spec.features}
    taken = {number.name for number in OWN}
    found = list(OWN)
    for entry in observation_names(spec):
        if (entry in position and entry not in WORDS) or entry in waves:
            continue
        name = identifier(entry)
        while name in taken:
            name += "_column"
        taken.add(name)
        words = WORDS.get(entry, entry) if entry in position else entry
        plain = _plain(features[entry]) if entry in features else None
        found.append(Number(name, words, *definitions[entry], entry, plain))
    return tuple(found)


def _plain(feature: Feature) -> Plain | None:
    """A column as its file has it, RSI and ADX as charts show them."""
    known = {"rsi": ("RSI", 50.0, 50.0), "adx": ("ADX", 100.0, 0.0)}
    if feature.from_bars:
        said = ("in its column", feature.scale, feature.center)
        return (
            None
            if said[1:] == (1.0, 0.0) and not feature.directional
            else Plain(*said, feature.directional)
        )
    return (
        None if feature.column not in known else Plain(*known[feature.column], feature.directional)
    )


def identifier(name: str) -> str:
    """A name as Python, C and Pine allow it."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    return plain if re.match(r"[A-Za-z_]", plain) else f"x_{plain}"


def measure(spec: EnvSpec, now: Situation, memory: Memory, atr: Array, observation: Array) -> Array:
    """The numbers at a decision: [numbers] float32, in the order of `numbers_of`.

    Args:
        spec: structure of the environment.
        now: the situation.
        memory: with the present close in it.
        atr: price units, at bar e+k.
        observation: of the same decision.
    """
    names = observation_names(spec)
    atr, entry = jnp.maximum(atr, LEAST_ATR), jnp.abs(now.entry)
    own = {
        "bars_held": now.k.astype(jnp.float32),
        "given_back": (now.mfe - now.profit) * entry / now.risk,
        "unrealised_atr": now.profit * entry / atr,
        "behind_best_atr": (memory.best - now.close) / atr,
        "bars_since_best": (now.k - memory.best_k).astype(jnp.float32),
    }
    seen = np.array([names.index(n.entry) for n in numbers_of(spec) if n.entry is not None], int)
    return jnp.concatenate([jnp.stack([own[number.name] for number in OWN]), observation[seen]])
