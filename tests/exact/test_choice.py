"""Which trades are learned from, which are held out, and the price that those choose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.exact.ensemble import initial_members
from jaxexit.exact.episodes import HELD_OUT, laid_out
from jaxexit.exact.types import ExactParams, ExactSpec, Paths, Rule
from jaxexit.exact.update import _chosen
from jaxexit.learning import Task

HORIZON, TRADES, PRICES = 5, 16, 3
SPEC = ExactSpec(
    horizon=HORIZON,
    trades=TRADES,
    rounds=1,
    minibatches=1,
    minibatch_size=8,
    members=2,
    prices=PRICES,
    hidden_sizes=(4,),
)


# --- learned from, and held out ------------------------------------------------------------------


def _step(count, number, action, draw):
    """An episode shows its own number, and ends at once."""
    return draw, _shown(draw), jnp.float32(0.0), jnp.bool_(True), ()


def _shown(number: jax.Array) -> jax.Array:
    return number[None].astype(jnp.float32)


NUMBERED = Task(
    num_actions=2,
    draw=lambda count, key, shape: jnp.zeros(shape, jnp.int32),
    reset=lambda count, draw: (draw, _shown(draw)),
    valid=None,
    step=_step,
    summarise=lambda count, infos: {},
    stopping=(0, 1),
    episodes=lambda count, numbers: (numbers % count, count),
)

compiled = jax.jit(laid_out, static_argnames=("spec", "task"))


def rows_of(count: int, update: int, trades: int = TRADES) -> tuple[list[int], list[int], int]:
    """Numbers of the episodes learned from and held out, and how many can be learned from."""
    spec = SPEC._replace(trades=trades)
    *both, learned = compiled(spec, NUMBERED, jnp.int32(count), jnp.int32(update))
    rows = [np.asarray(paths.observation)[0, :, 0].astype(int).tolist() for paths in both]
    return rows[0], rows[1], int(learned)


@pytest.mark.parametrize("count", [2, 7, 20, 64, 1_000])
def test_no_trade_is_both_learned_from_and_held_out(count: int):
    for update in range(8):
        rows, held_out, learned = rows_of(count, update)
        assert learned == int(count * (1.0 - HELD_OUT))
        assert (len(rows), len(held_out)) == (TRADES, TRADES // 4)
        assert set(rows) <= set(range(learned))
        assert set(held_out) <= set(range(learned, count))


def test_of_the_last_trades_as_many_differ_as_there_are():
    for count in (20, 64, 1_000):
        _, held_out, learned = rows_of(count, 0)
        assert len(set(held_out)) == min(TRADES // 4, count - learned)


@pytest.mark.parametrize("count", [7, 20, 40, 200])
def test_all_others_have_their_turn(count: int):
    """Over a round of updates each as often as any other, but for those that a stride leaves over."""
    learned = rows_of(count, 0)[2]
    stride = max(learned // TRADES, 1)
    updates = stride if stride > 1 else learned
    seen = np.concatenate([rows_of(count, update)[0] for update in range(updates)])
    times = np.bincount(seen, minlength=learned)
    reached = stride * TRADES if stride > 1 else learned
    assert reached > 0.6 * learned
    assert len(set(times[:reached].tolist())) == 1
    assert not times[reached:].any()


@pytest.mark.parametrize("trades", [1, 3])
def test_few_trades_an_update_leave_one_to_choose_by(trades: int):
    rows, held_out, learned = rows_of(10, 0, trades)
    assert (len(rows), held_out) == (trades, [learned])


# --- the price -----------------------------------------------------------------------------------


def hyper_of(anchor: tuple[float, ...], slack: float) -> ExactParams:
    return ExactParams(*[jnp.float32(1.0)] * len(ExactParams._fields))._replace(
        anchor=jnp.array(anchor), slack=jnp.float32(slack)
    )


def random_case(seed: int) -> tuple[Rule, jax.Array, Paths, jax.Array]:
    """Rule, members, paths held out and their scaled observations."""
    rng = np.random.default_rng(seed)
    size, shape = 2, (HORIZON, 12)
    members = initial_members(SPEC, size, jax.random.key(seed))
    kernel, bias = members[-1]
    members = [*members[:-1], (300.0 * kernel, bias)]  # departures that decide
    inputs = rng.standard_normal((*shape, size)).astype("f4")
    alive = np.arange(HORIZON)[:, None] <= rng.integers(0, HORIZON, shape[1])
    hold, leave = np.where(alive, rng.standard_normal((2, *shape)), 0.0).astype("f4")
    can_leave = alive & (rng.random(shape) < 0.8)
    paths = Paths(*map(jnp.asarray, (inputs, hold, leave, can_leave, alive, alive)))
    rule = Rule(jnp.array([1.0, 0.0]), jnp.float32(0.5), jnp.float32(1.0))
    return rule, members, paths, jnp.asarray(inputs)  # type: ignore[return-value]


def earned_at(members, group: int, free: bool, rule: Rule, paths: Paths) -> np.ndarray:
    """[N] earned by who leaves where the mean of one price's two members says so, member by member."""
    members, rule, paths = jax.tree.map(np.asarray, (members, rule, paths))
    outputs = np.zeros((*paths.hold.shape, 2))
    for member in (2 * group, 2 * group + 1):
        hidden = paths.observation
        for i, (kernel, bias) in enumerate(members):
            hidden = np.maximum(hidden, 0.0) if i else hidden
            hidden = hidden @ kernel[member] + bias[member, 0]
        outputs += hidden / 2
    begin = -outputs[..., 0] if free else rule.margin(paths.observation)
    earned = np.zeros(paths.hold.shape[1])
    for n in range(len(earned)):
        for k in range(HORIZON):
            if paths.can_leave[k, n] and begin[k, n] + outputs[k, n, 1] > 0.0:
                earned[n] += paths.leave[k, n]
                break
            earned[n] += paths.hold[k, n]
    return earned


def test_the_highest_price_within_slack_of_the_best_is_chosen():
    anchor = (10.0, 1.0, 0.0)
    chosen = jax.jit(_chosen, static_argnames="spec")
    times = np.zeros((2, PRICES), int)
    for seed in range(12):
        rule, members, paths, inputs = random_case(seed)
        earned = np.array(
            [earned_at(members, i, anchor[i] == 0.0, rule, paths) for i in range(PRICES)]
        )
        best = earned.mean(axis=1).argmax()
        for i, slack in enumerate((0.0, 1.0)):
            behind = earned[best] - earned
            enough = behind.mean(axis=1) <= slack * behind.std(axis=1) / np.sqrt(behind.shape[1])
            price = min(i for i in range(PRICES) if enough[i])  # they fall
            found = int(chosen(SPEC, hyper_of(anchor, slack), members, rule, paths, inputs))
            assert found == price, (seed, slack)
            times[i, found] += 1
    assert (times[0] > 0).all()  # every price is the best of some
    assert times[1, 0] > times[0, 0]  # slack is for the higher price
