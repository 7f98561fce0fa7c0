"""The audit passes an honest experiment, and names each trap by the check that is meant to catch it.

Traps are planted by `planted.traps`, which knows where each once sat: there is no flag for them.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxexit.config import Experiment
from jaxexit.data import features
from jaxexit.policies import HOLD_TO_HORIZON, LEAVE_AT_ONCE, RANDOM, RandomActions
from jaxexit.truth.audit import (
    Finding,
    Subject,
    degeneracy,
    fills,
    foresight,
    look_ahead,
    make_subject,
    null,
    replay,
    warm_up,
)
from tests.data.made import bar_table, bars_of, experiment, walk, write_bars
from tests.truth.planted import traps
from tests.truth.planted.traps import Trap, planted

Check = Callable[[Subject], list[Finding]]

ANY_ACTION = RandomActions(jnp.array([0.6, 0.05, 0.15, 0.15, 0.05]))


def jumpy_table(seed: int = 0) -> pd.DataFrame:
    """Made bars of which each fifth opens with a gap of some 10 pips."""
    table = bar_table(seed)
    rng = np.random.default_rng(seed)
    jumps = np.where(rng.random(len(table)) < 0.2, 0.0010 * rng.standard_normal(len(table)), 0)
    names = ["open", "high", "low", "close"]
    table[names] = (table[names].to_numpy() + jumps.cumsum()[:, None]).round(5)
    return table.assign(volume=rng.integers(1, 1000, len(table)))


OPEN_GUARDS = (
    "guards.min_profit_for_exit=-1.0", "guards.min_profit_for_partial=-1.0",
    "guards.min_profit_for_trail=-1.0",
)  # fmt: skip


def made(folder: Path, *overrides: str, table: pd.DataFrame | None = None) -> Experiment:
    """An experiment on jumpy bars, without guards, so that every action has its effect."""
    bars = write_bars(folder, jumpy_table() if table is None else table)
    costs = ("costs.spread_pips=1.3", "costs.slippage_pips=0.2", "costs.commission=0.00002")
    swap = ("costs.swap_long_pips=0.5", "costs.swap_short_pips=-0.2", "data.warmup=300")
    return experiment(folder, *costs, *swap, *OPEN_GUARDS, *overrides, bars=bars)


def random_subject(folder: Path, *overrides: str, table: pd.DataFrame | None = None) -> Subject:
    return make_subject(made(folder, *overrides, table=table), "test", RANDOM, ANY_ACTION)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return random_subject(tmp_path_factory.mktemp("honest"))


def severities(check: Check, subject: Subject) -> set[str]:
    return {finding.severity for finding in check(subject)}


def failures(check: Check, subject: Subject) -> list[Finding]:
    return [finding for finding in check(subject) if finding.severity == "fail"]


# --- honest --------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [look_ahead.check, foresight.check, warm_up.check, fills.check])
def test_an_honest_experiment_passes(honest: Subject, check: Check):
    assert [finding for finding in check(honest) if finding.severity != "pass"] == []


def test_random_actions_exercise_every_kind_of_fill(honest: Subject):
    reasons = {fill["reason"] for trade in honest.result.table["fills"] for fill in trade}
    assert {"EXIT", "STOP", "BREAKEVEN_STOP", "PARTIAL"} <= reasons


def test_the_plain_simulator_shares_nothing_with_the_environment():
    script = (
        "import sys, jaxexit.truth.reference.simulator; "
        "print([m for m in sys.modules if m == 'jax' or m.startswith(('jaxexit.env', 'jaxexit.data'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_entries_of_a_file_pass_with_their_own_prices(tmp_path: Path):
    """Filled at the open after the decision, at the file's own price: nothing of it is known before."""
    table = jumpy_table()
    rows = np.arange(310, 1450, 7)
    price = np.asarray(table["open"])[rows]
    side = np.where(np.arange(len(rows)) % 2, 1, -1)
    entries = pd.DataFrame({"open_date": table["time"].iloc[rows], "side": side, "price": price})
    entries["sl"] = np.where(np.arange(len(rows)) % 3, price - side * 0.003, np.nan)
    entries.to_csv(tmp_path / "trades.csv", index=False)
    subject = random_subject(
        tmp_path,
        "data.entries=trades",
        f"data.trades={tmp_path / 'trades.csv'}",
        "data.filled_at=bar_open",
        "env.entry_fill=given",
        "env.order_fill=bar_close",
        "env.features=[{column: volume, scale: 500, center: 500}, rsi]",
        table=table,
    )
    assert severities(look_ahead.check, subject) == {"pass"}
    assert severities(fills.check, subject) == {"pass"}


# --- features that know the future ---------------------------------------------------------


@pytest.mark.parametrize(
    ("trap", "name", "before"),
    [
        (traps.CENTRED_WINDOW, "return_1", "from 4 bars before"),
        (traps.NEXT_RETURN, "return_1", "from 0 bars before"),
        (traps.TESTS_MEAN, "rsi", "bars before the cut"),
    ],
)
def test_a_feature_that_the_pipeline_computes_from_later_bars_is_caught(
    tmp_path: Path, trap: Trap, name: str, before: str
):
    with planted(trap):
        subject = random_subject(tmp_path)
        found = failures(look_ahead.check, subject)
    assert found[0].what.startswith(f"feature {name}")
    assert before in found[0].size
    assert f"observation {name}" in {finding.what for finding in found}
    # The money is right all the same: it is the knowledge that is not.
    assert severities(fills.check, subject) == {"pass"}


def test_columns_of_the_file_that_peek_are_caught_by_what_they_foretell(tmp_path: Path):
    """Given numbers are data, whatever follows them: only what they foretell gives them away."""
    table = jumpy_table()
    close = table["close"].to_numpy()
    ahead = np.append(np.diff(close), 0.0) / np.diff(close).std()
    table["next_return"], table["next_close"] = ahead, close + ahead * np.diff(close).std()
    table["hint"] = 0.25 * ahead + np.random.default_rng(3).standard_normal(len(table))
    columns = ", ".join(
        f"{{column: {name}, scale: 1}}" for name in ("next_return", "next_close", "hint")
    )
    subject = random_subject(tmp_path, f"env.features=[rsi, {columns}]", table=table)
    assert severities(look_ahead.check, subject) == {"pass"}
    failed = {finding.what for finding in failures(foresight.check, subject)}
    assert {what.split("`")[1] for what in failed} == {"next_return", "next_close", "hint"}


# --- features that need history ------------------------------------------------------------


def test_a_warm_up_that_is_too_short_is_told_with_what_is_needed(tmp_path: Path):
    subject = random_subject(tmp_path, "data.warmup=60")
    slow = {finding.what.split()[0]: finding for finding in warm_up.check(subject)}
    assert {"ema_spread", "adx"} <= slow.keys()
    assert {finding.severity for finding in slow.values()} == {"warning"}
    needed = int(slow["ema_spread"].advice.split()[3])
    assert 150 < needed < 300
    longer = warm_up.check(random_subject(tmp_path, f"data.warmup={needed}"))
    assert "ema_spread" not in {finding.what.split()[0] for finding in longer}


def test_a_feature_without_end_of_memory_never_settles(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def since_the_beginning(market: Any, indicators: Any) -> np.ndarray:
        return np.cumsum(np.abs(np.diff(market.close, prepend=market.close[0])))

    monkeypatch.setitem(features._COLUMNS, "rsi", since_the_beginning)
    found = warm_up.check(random_subject(tmp_path))
    assert "rsi depends on where the file begins" in {finding.what for finding in found}


# --- fills ---------------------------------------------------------------------------------


def test_an_entry_bar_that_is_off_by_one_is_caught(tmp_path: Path):
    with planted(traps.ENTRY_OFF_BY_ONE):
        subject = random_subject(tmp_path)
        failure = failures(fills.check, subject)[0]
        assert failure.what == "trades begin at the wrong bar"
        assert "-1 bars off" in failure.size
        # Their prices are of the bar after the one at whose close they are known, too.
        failure = failures(look_ahead.check, subject)[0]
    assert failure.what == "trades of the test split"


# --- the recorded result -------------------------------------------------------------------


def recorded(subject: Subject) -> dict[str, Any]:
    """A summary as the backtest writes it."""
    sha256 = replay.experiment_sha256(subject.experiment)
    return {
        "checkpoint": {"step": 1, "sha256": "c"},
        "snapshot_sha256": sha256,
        "policies": {subject.policy.name: subject.backtest.summary(subject.result)},
    }


def row_of(summary: dict[str, Any], subject: Subject) -> dict[str, Any]:
    """The registry's row of a summary."""
    own = summary["policies"][subject.policy.name]
    proof = {"snapshot_sha256": summary["snapshot_sha256"], "checkpoint_sha256": "c"}
    return {"net_pips_mean": own["net_pips_mean"], "trades": own["trades"], **proof}


def test_a_result_replays(honest: Subject):
    summary = recorded(honest)
    found = replay.check(honest, summary, row_of(summary, honest), "c")
    assert {finding.severity for finding in found} == {"pass"}


def test_a_result_of_another_policy_does_not_replay(honest: Subject):
    other = make_subject(honest.experiment, "test", HOLD_TO_HORIZON, (), dataset=honest.dataset)
    summary = recorded(honest)
    summary["policies"][honest.policy.name] = other.backtest.summary(other.result)
    failure = replay.check(honest, summary, row_of(summary, honest), "c")[-1]
    assert (failure.severity, failure.what) == ("fail", "the recorded result does not replay")
    assert "net_pips_mean" in failure.size


def test_first_finishers_reported_as_all_trades_do_not_replay(honest: Subject):
    summary = recorded(honest)
    first = honest.result.table.nsmallest(50, "bars_held")
    summary["policies"]["random"] |= {
        "trades": 50,
        "net_pips_mean": float(first["net_pips"].to_numpy(float).mean()),
    }
    failure = replay.check(honest, summary, row_of(summary, honest), "c")[-1]
    assert failure.severity == "fail"
    assert "trades 50 -> " in failure.size


def test_a_registry_row_of_another_checkpoint_is_caught(honest: Subject):
    summary = recorded(honest)
    row = row_of(summary, honest) | {"checkpoint_sha256": "d"}
    failure = replay.check(honest, summary, row, "c")[0]
    assert failure.severity == "fail"
    assert failure.size == "differs: checkpoint in registry.json"
    assert replay.check(honest, summary, {}, "c")[0].severity == "fail"


# --- degeneracy ----------------------------------------------------------------------------


def warned(subject: Subject) -> set[str]:
    return {f.what for f in degeneracy.check(subject) if f.severity == "warning"}


def test_leaving_at_once_and_holding_for_ever_are_degenerate(honest: Subject):
    def subject_of(policy: Any) -> Subject:
        return make_subject(honest.experiment, "test", policy, (), dataset=honest.dataset)

    assert "most trades are closed at bars 0 and 1" in warned(subject_of(LEAVE_AT_ONCE))
    holding = warned(subject_of(HOLD_TO_HORIZON))
    assert "nearly all choices are one action" in holding
    assert "most trades are closed at bars 0 and 1" not in holding


def test_blocked_actions_and_break_even_stops_are_told(tmp_path: Path):
    blocked = make_subject(
        made(tmp_path, "guards.min_bars_for_exit=19"),
        "test",
        RANDOM,
        RandomActions(jnp.array([0.5, 0.5, 0.0, 0.0, 0.0])),
    )
    assert "guards turn many choices into HOLD" in warned(blocked)
    trailing = RandomActions(jnp.array([0.5, 0.0, 0.0, 0.5, 0.0]))
    table = make_subject(blocked.experiment, "test", RANDOM, trailing, dataset=blocked.dataset)
    share = (table.result.table["exit_reason"] == "BREAKEVEN_STOP").mean()
    assert ("most trades end at a break-even stop" in warned(table)) == (share > 0.5)


# --- chance --------------------------------------------------------------------------------


def test_bars_rebuilt_without_a_change_are_the_bars_themselves():
    bars = bars_of(walk(1, 300))
    again = null.rebuilt(bars, null.log_moves(bars.mid))
    np.testing.assert_allclose(again.bid, bars.bid, rtol=1e-12)
    np.testing.assert_allclose(again.ask, bars.ask, rtol=1e-12)


@pytest.mark.parametrize("kind", ["coin-flipped", "shuffled"])
def test_altered_bars_are_sound_keep_their_spread_and_their_sizes(kind: str):
    bid = walk(2, 1000)
    rng = np.random.default_rng(0)
    bars = bars_of(bid)
    wide = bars.ask + 0.0001 * rng.exponential(1.0, (1000, 1))
    bars = type(bars)(**{**bars.__dict__, "ask": wide})
    moves = null.log_moves(bars.mid)
    altered = (
        null.coin_flipped(moves, rng) if kind == "coin-flipped" else null.shuffled(moves, rng, 96)
    )
    assert not np.array_equal(altered, moves)
    np.testing.assert_allclose(
        np.sort(np.abs(altered[:, 3])), np.sort(np.abs(moves[:, 3])), rtol=1e-12
    )
    market = null.rebuilt(bars, altered)
    for side in (market.bid, market.ask):
        assert (side[:, 1] >= side[:, [0, 3]].max(axis=1)).all()
        assert (side[:, 2] <= side[:, [0, 3]].min(axis=1)).all()
    np.testing.assert_allclose(market.ask - market.bid, bars.ask - bars.bid, atol=1e-9)


def test_chance_does_as_well_as_random_actions(monkeypatch: pytest.MonkeyPatch, honest: Subject):
    monkeypatch.setattr(null, "MOST", null.FEWEST)
    found = null.check(honest)
    assert {finding.severity for finding in found} == {"warning"}
    assert all("p = " in finding.size for finding in found)


def test_chance_seldom_does_as_well_where_prices_trend(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Momentum that lasts: holding winners pays, and coin flips take it away."""
    rng = np.random.default_rng(0)
    drift = np.repeat(rng.choice([-1, 1], 30), 50) * 0.0003
    close = 1.1 + np.cumsum(drift + 0.0002 * rng.standard_normal(1500))
    opened = np.append(1.1, close[:-1])
    reach = 0.00005
    table = bar_table().assign(
        open=opened,
        high=np.maximum(opened, close) + reach,
        low=np.minimum(opened, close) - reach,
        close=close,
    )
    subject = make_subject(made(tmp_path, table=table), "test", HOLD_TO_HORIZON, ())
    monkeypatch.setattr(null, "MOST", 2 * null.FEWEST)
    flipped = null.check(subject)[0]
    assert flipped.severity == "pass", flipped


# --- traps in compiled programs: last, since all that is compiled goes with them ------------


def test_a_stop_filled_at_its_level_through_a_gap_is_caught(tmp_path: Path):
    with planted(traps.STOP_THROUGH_GAP):
        inside, derived, *_ = failures(fills.check, random_subject(tmp_path))
    assert "STOP at" in inside.size
    assert "outside" in inside.size or "better than the open" in inside.size
    assert derived.what == "the reference simulator disagrees with the backtest"


def test_a_new_stop_applied_to_the_bar_that_has_passed_is_caught(tmp_path: Path):
    with planted(traps.RETROACTIVE_STOP):
        found = failures(fills.check, random_subject(tmp_path))
    assert "the reference simulator disagrees with the backtest" in {f.what for f in found}


def test_an_entry_at_a_price_seen_one_bar_later_is_caught(tmp_path: Path):
    with planted(traps.LATE_ENTRY):
        failure = failures(fills.check, random_subject(tmp_path))[-1]
    assert "entry at" in failure.size
