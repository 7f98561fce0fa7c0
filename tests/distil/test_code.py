"""Code decides as the rule does in the environment: on every decision of test, and exactly at thresholds."""

import json
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.distil.code import LANGUAGES, Source
from jaxexit.distil.code.parity import asked, differing, executed, parity
from jaxexit.distil.code.source import OF_GUARDS, UNTESTED
from jaxexit.distil.numbers import numbers_of
from jaxexit.distil.rule import Rule, at_most, decision, rule_params
from jaxexit.distil.walk import Met
from jaxexit.env import ACTIONS, Situation, valid_actions
from jaxexit.env.types import HOLD
from jaxexit.errors import ParityError
from tests.distil.ground import EVERY_ACTION, LINES, Ground, rule
from tests.distil.pine import Function

Decide = Callable[..., str]


def compiled(source: Source, folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The MQL5 function, compiled as C++: arguments [n, arguments] -> actions [n]."""
    if shutil.which("g++") is None:
        pytest.skip("needs g++ to compile the MQL5 function as C++")
    (folder / "rule.mqh").write_text(LANGUAGES["mql5"](source))
    count = len(source.arguments)
    given = ", ".join(f"x[{i}]" for i in range(count))
    (folder / "main.cpp").write_text(
        '#include <cstdio>\n#include "rule.mqh"\nint main() {\n'
        f"  double x[{max(count, 1)}];\n"
        f"  while (std::fread(x, sizeof(double), {count}, stdin) == {count})\n"
        f'    std::printf("%d\\n", JaxexitRule({given}));\n}}\n'
    )
    words = ["g++", "-Wall", "-Werror", "-o", str(folder / "main"), str(folder / "main.cpp")]
    subprocess.run(words, check=True, capture_output=True)

    def run(arguments: np.ndarray) -> np.ndarray:
        done = subprocess.run(
            [str(folder / "main")], input=arguments.tobytes(), capture_output=True, check=True
        )
        return np.array(done.stdout.split(), int)

    return run


def at_the_thresholds(market: Ground, made: Rule, count: int = 4_000) -> Met:
    """Situations in which every number lies at a threshold, or a float32 beside it."""
    rng, spec = np.random.default_rng(0), market.walker.spec
    names = [number.name for number in numbers_of(spec)]

    def near(value: float) -> np.ndarray:
        exact = np.float32(value)
        beside = [np.nextafter(exact, np.float32(way)) for way in (-np.inf, np.inf)]
        return rng.choice(np.array([*beside, exact, at_most(value)], np.float32), count)

    values = rng.normal(0, 2, (count, len(names))).astype(np.float32)
    for line in made.lines:
        for condition in line.conditions:
            column = names.index(condition.number)
            some = rng.random(count) < 0.6
            values[:, column] = np.where(some, near(condition.threshold), values[:, column])
    held = rng.integers(0, 18, count)
    values[:, names.index("bars_held")] = held
    guards = market.experiment.guards
    profit = np.where(
        rng.random(count) < 0.5,
        near(guards.min_profit_for_exit),
        near(guards.min_profit_for_partial),
    )
    profit = np.where(rng.random(count) < 0.1, np.float32(0), profit)
    partials, tightened = rng.integers(0, 2, count), rng.integers(0, 6, count)
    params = market.walker.world.params
    nothing = dict.fromkeys(Situation._fields, np.float32(0))

    def allowed(profit, k, partials, tightened):
        known = {"profit": profit, "k": k, "partials_used": partials}
        return valid_actions(
            params, Situation(**{**nothing, **known, "bars_since_tighten": tightened})
        )

    numbers = jax.tree.map(jnp.asarray, rule_params(made, spec, LINES))
    chosen = jax.vmap(partial(decision, numbers))(jnp.asarray(values))
    return Met(
        trade=np.zeros(count, np.int32),
        values=values,
        guards=np.stack([profit, partials, tightened], axis=1).astype(np.float32),
        valid=np.asarray(jax.vmap(allowed)(profit, held, partials, tightened)),
        logits=np.zeros((count, len(ACTIONS)), np.float32),
        network=np.zeros(count, np.int32),
        rule=np.asarray(chosen),
    )


@pytest.fixture(scope="module")
def decisions(market: Ground) -> Met:
    """Every decision of the rule's own way through test, and of the network's; and at the thresholds."""
    both = market.walk(EVERY_ACTION).joined(market.walk(EVERY_ACTION, by_rule=False))
    return both.joined(at_the_thresholds(market, EVERY_ACTION))


def test_the_decisions_ask_everything(decisions: Met) -> None:
    """Every action is taken, and each is held back somewhere: else the comparison would say little."""
    does = decisions.effective(decisions.rule)
    for action in range(len(ACTIONS)):
        assert (does == action).sum() > 20, ACTIONS[action]
    held_back = (does == HOLD) & (decisions.rule != HOLD)
    assert {ACTIONS[action] for action in decisions.rule[held_back]} == {*ACTIONS} - {"HOLD"}


@pytest.mark.parametrize("language", ["python", "json"])
def test_what_runs_here_decides_as_the_rule(language: str, market: Ground, decisions: Met) -> None:
    source = market.source(EVERY_ACTION)
    assert differing(executed(source)[language], asked(source, decisions)) == 0


def test_mql5_compiled_as_c_decides_as_the_rule(
    market: Ground, decisions: Met, tmp_path: Path
) -> None:
    source = market.source(EVERY_ACTION)
    arguments, action = asked(source, decisions)
    np.testing.assert_array_equal(compiled(source, tmp_path)(arguments), action)


def test_pine_read_by_our_evaluator_decides_as_the_rule(market: Ground, decisions: Met) -> None:
    source = market.source(EVERY_ACTION)
    decide = Function(LANGUAGES["pine"](source))
    assert decide.arguments == list(source.arguments)
    assert differing(decide, asked(source, decisions)) == 0


@pytest.mark.parametrize("language", ["pine", "mql5", "freqtrade"])
def test_what_no_terminal_has_run_says_so(language: str, market: Ground) -> None:
    text = LANGUAGES[language](market.source(EVERY_ACTION))
    assert UNTESTED in text
    assert (
        "Leave when unrealised R > 1.2 and ATRs behind the best close > 0.6; else close a part"
        in text
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_is_explained(language: str, market: Ground) -> None:
    source = market.source(EVERY_ACTION)
    text = LANGUAGES[language](source)
    for number in source.numbers:
        assert json.dumps(number.formula)[1:-1] in text.replace('\\"', '"')


@pytest.mark.parametrize("language", LANGUAGES)
def test_always_holding_can_be_written(language: str, market: Ground, tmp_path: Path) -> None:
    source = market.source(Rule())
    text = LANGUAGES[language](source)
    assert "lways hold" in text
    if language in ("python", "json"):
        assert executed(source)[language]() == "HOLD"
    elif language == "pine":
        assert Function(text)() == "HOLD"
    elif language == "freqtrade":
        compile(text, "strategy", "exec")
    elif language == "mql5":
        (tmp_path / "rule.cpp").write_text(text)


def test_code_that_decides_otherwise_is_not_written(market: Ground, decisions: Met) -> None:
    """The comparison can fail: of a rule with another threshold it finds the decisions between the two."""
    other = rule(("EXIT", "unrealised > 1.3"))
    source = market.source(other)
    with pytest.raises(ParityError, match=r"decides otherwise at [\d,]+ of"):
        parity(source, decisions)


@pytest.mark.parametrize("threshold", [0.1, 0.3, 1.8, 2.1, -0.7, 1e-5, 123.0, 3.33])
def test_a_decimal_and_the_float_below_it_divide_floats_alike(threshold: float) -> None:
    exact = np.float32(threshold)
    for x in (np.nextafter(exact, np.float32(-9e9)), exact, np.nextafter(exact, np.float32(9e9))):
        assert (x > at_most(threshold)) == (float(x) > threshold)


def test_guards_numbers_come_last_and_only_if_asked(market: Ground) -> None:
    source = market.source(rule(("TRAIL_BE", "rsi > 0.1")))
    assert source.arguments == ("bars_held", "rsi", "profit")
    assert not {n.name for n in OF_GUARDS} & {
        *market.source(rule(("EXIT", "adx > 0.2"))).arguments
    } - {"profit"}
