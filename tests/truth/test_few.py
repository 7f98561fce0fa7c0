"""The exam of few trades: its markets have the law of their optimum, its rivals are fitted fairly."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxexit.__main__ import main
from jaxexit.arrays import key_of
from jaxexit.config import load_experiment
from jaxexit.data.simulated import PIP
from jaxexit.evaluate import run_policy
from jaxexit.policies import LISTED
from jaxexit.policies.fixed import ListedExits
from jaxexit.truth.few.cells import Fresh, bars_for, dataset_of, fresh_trades, on_this_market
from jaxexit.truth.few.exam import BASES, recommended
from jaxexit.truth.few.markets import MARKETS, FewMarket
from jaxexit.truth.few.picture import draw
from jaxexit.truth.few.regressions import fit, held
from jaxexit.truth.few.rules import fit_rule, seen, stopped_at_close
from jaxexit.truth.few.scores import Earned, FewScore, scores
from jaxexit.truth.known_answers import exit_now
from jaxexit.truth.known_markets import HORIZON
from jaxexit.truth.simple_rules import Paths, families, first_exit, value_at

EXPERIMENT = on_this_market(recommended(), 1, 0)
TRADES = 2_000


@pytest.fixture(scope="module", params=list(MARKETS))
def market(request: pytest.FixtureRequest) -> FewMarket:
    return MARKETS[request.param]


@pytest.fixture(scope="module")
def ou() -> Fresh:
    return fresh_trades(EXPERIMENT, MARKETS["ou"], np.random.default_rng(5), TRADES)


# --- markets -----------------------------------------------------------------------------------


def test_trades_come_at_irregular_bars_and_overlap(market: FewMarket):
    simulated = market.simulate(np.random.default_rng(1), 400)
    bar = simulated.trades["entry_bar"].to_numpy()
    assert len(bar) == 400
    assert bar[0] >= 99  # indicators have settled
    assert bar[-1] + HORIZON < len(simulated.bars.times)
    gaps = np.diff(bar)
    assert gaps.min() >= 1
    assert len(np.unique(gaps)) > 10
    assert (gaps < HORIZON).mean() > 0.1
    assert set(simulated.trades["direction"]) == {-1.0, 1.0}
    assert list(simulated.bars.table) == [feature.name for feature in market.features]


def test_luck_and_skill_are_the_result(market: FewMarket):
    """On every trade and wherever it is left: the identity holds path by path."""
    simulated = market.simulate(np.random.default_rng(2), 300)
    net = market.paths(simulated).gain - 1.0
    assert np.abs(net - market.luck(simulated) - market.skill(simulated)).max() < 0.05


def test_the_best_exit_earns_the_optimum(market: FewMarket):
    simulated = market.simulate(np.random.default_rng(3), 400)
    regime, paths = simulated.hidden["regime"], market.paths(simulated)
    left = np.zeros(400, int)
    for number, law in enumerate(market.laws):
        some = regime == number
        if law.solution is not None:
            k = np.arange(HORIZON)[:, None]
            left[some] = first_exit(exit_now(law.solution, paths.state[:-1, some], k))
    earned = value_at(market.skill(simulated), left).mean()
    assert earned == pytest.approx(market.optimum, abs=0.02)


@pytest.mark.parametrize("name", ["ou", "ou_weak"])
def test_entries_lie_as_the_stationary_price_does(name: str):
    market = MARKETS[name]
    law: Any = market.laws[0].model
    solution: Any = market.laws[0].solution
    simulated = market.simulate(np.random.default_rng(4), 20_000)
    place = market.paths(simulated).state[0]
    assert law.entry_low <= place.min() < place.max() <= law.entry_high
    start = np.interp(place, solution.grid, solution.start)
    assert start.mean() == pytest.approx(market.optimum, abs=0.4)


def test_what_follows_a_later_entry_is_what_follows_the_first():
    """The drift has no memory: where it is still favourable, the next bars' law is the prior's."""
    market = MARKETS["disorder"]
    simulated = market.simulate(np.random.default_rng(6), 20_000)
    gain = market.paths(simulated).gain
    later = np.diff(simulated.trades["entry_bar"].to_numpy(), prepend=0) < HORIZON
    assert 0.2 < later.mean() < 0.6
    for k in (5, 20, 60):
        first, second = gain[k, ~later], gain[k, later]
        error = np.hypot(first.std() / len(first) ** 0.5, second.std() / len(second) ** 0.5)
        assert abs(first.mean() - second.mean()) < 4 * error


def test_every_split_of_the_switching_market_has_both_regimes():
    market = MARKETS["switching"]
    simulated = market.simulate(np.random.default_rng(7), 250)
    _, rows = dataset_of(market, simulated, 250)
    for some in rows.values():
        assert set(simulated.hidden["regime"][some]) == {0, 1}


def test_cells_share_a_shape_and_splits_no_bar(market: FewMarket):
    simulated = market.simulate(np.random.default_rng(8), 300)
    dataset, rows = dataset_of(market, simulated, 400)
    assert dataset.market.bid.shape == (bars_for(400), 4)
    assert dataset.splits["train"].entry_bar.shape == (512,)
    bar = simulated.trades["entry_bar"].to_numpy()
    assert bar[rows["train"]].max() + HORIZON < bar[rows["validation"]].min()
    assert bar[rows["validation"]].max() + HORIZON < bar[rows["test"]].min()
    assert len(rows["train"]) > 0.5 * 300


# --- rivals ------------------------------------------------------------------------------------


def test_a_familys_means_are_those_of_its_rules_one_by_one():
    rng = np.random.default_rng(9)
    gain = np.cumsum(rng.standard_normal((41, 50)), axis=0) * 5.0
    paths, table = Paths(gain, gain + 3.0), rng.standard_normal((41, 50))
    for family in families(np.arange(0.0, 20.0, 2.0), 1.0, 5.0):
        expected = [
            value_at(table, family.decision(paths, threshold)).mean()
            for threshold in family.thresholds
        ]
        np.testing.assert_allclose(family.means(paths, table), expected, atol=1e-12)


def test_a_trailing_stop_acts_on_later_closes_only():
    close = np.array([[0.0], [5.0], [3.0], [2.9], [9.0]])
    assert stopped_at_close(close, close - 2.0).tolist() == [2]
    assert stopped_at_close(close, close - 7.0).tolist() == [4]


def test_a_rules_path_value_is_what_the_environment_pays(ou: Fresh):
    rule = fit_rule(ou.seen, ou.skill)
    decision = rule.decision(ou.seen)
    sent: Any = np.where(decision < HORIZON, decision, -1).astype(np.int32)
    played = run_policy(
        ou.spec,
        LISTED,
        ou.world,
        ListedExits(sent),
        key_of(0),
        horizon=HORIZON,
        size=TRADES,
    ).results
    net = np.asarray(played.net, float) * np.asarray(played.entry, float) / PIP
    assert np.abs(net - value_at(ou.seen.net, decision)).max() < 0.02
    skill = net - value_at(ou.luck, decision)
    assert skill.mean() == pytest.approx(ou.value(decision), abs=0.01)
    assert 0.95 < rule.mean / MARKETS["ou"].optimum < 0.98


def test_regressions_learn_what_there_is_to_learn(ou: Fresh):
    market = MARKETS["ou"]
    simulated = market.simulate(np.random.default_rng(10), 2_000)
    dataset, rows = dataset_of(market, simulated, TRADES)
    everyone, own = held(EXPERIMENT, dataset, simulated.trades), seen(simulated)
    net = everyone.until_stopped(own.net)
    split = [(everyone.take(rows[name]), net[:, rows[name]]) for name in ("train", "validation")]
    for basis in BASES.values():
        fitted = fit(basis, *split[0], split[1])
        assert ou.value(fitted.decision(ou.held)) > 0.93 * market.optimum


def test_a_stop_ends_what_can_be_earned():
    market = MARKETS["disorder"]
    simulated = market.simulate(np.random.default_rng(11), 200)
    dataset, _ = dataset_of(market, simulated, 200)
    some = held(EXPERIMENT, dataset, simulated.trades)
    gain = some.until_stopped(market.paths(simulated).gain)
    stopped = some.last < HORIZON
    assert 0.3 < stopped.mean() < 0.9  # who never leaves meets the stop
    assert (gain[-1, stopped] < -80.0).all()


# --- judgement ---------------------------------------------------------------------------------


def earned(market: str, trades: int, learned: list[tuple[float, ...]], rule: list[float]) -> list:
    optimum = None if market == "martingale" else 20.0
    return [
        Earned(market, optimum, trades, number, examinee, pips)
        for number, (mine, its) in enumerate(zip(learned, rule, strict=True))
        for examinee, pips in (("learned", mine), ("fitted rule", (its,)))
    ]


def judged(*given: object) -> FewScore:
    return scores(earned(*given))[0]  # type: ignore[arg-type]


def test_series_are_the_clusters_of_the_standard_error():
    score = judged("ou", 250, [(18.0, 20.0), (20.0, 20.0)], [19.0, 19.0])
    assert score.share == pytest.approx(0.975)
    assert score.standard_error == pytest.approx(0.025)
    assert score.less_rule == pytest.approx(0.025)
    assert score.worst == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        (("ou", 250, [(19.0,), (19.0,)], [19.1, 19.1]), True),  # half a per cent behind
        (("ou", 250, [(18.0,), (18.0,)], [19.0, 19.0]), False),
        (("ou", 250, [(16.0,), (20.0,)], [19.0, 19.0]), True),  # behind, but not beyond its errors
        (("ou", 1_000, [(19.3,), (19.3,)], [19.0, 19.0]), False),  # 96.5% of 97%
        (("ou_weak", 4_000, [(12.0,), (13.0,)], [11.0, 11.0]), True),
        (("ou_weak", 4_000, [(11.0,), (13.0,)], [11.0, 11.0]), False),
        (("switching", 4_000, [(10.0,), (10.0,)], [9.2, 9.2]), False),
        (("switching", 4_000, [(10.2,), (10.2,)], [9.0, 9.0]), True),
        (("martingale", 250, [(-1.0,), (-1.0,)], [-1.0, -1.0]), True),
        (("martingale", 250, [(-1.5,), (-1.0,)], [-1.0, -1.0]), False),
    ],
)
def test_what_is_asked(given: tuple, passed: bool):
    score = judged(*given)
    assert score.passed == passed
    assert score.words.startswith("FAIL") != passed


def test_the_picture_has_a_panel_for_each_market(tmp_path: Path):
    rows = [
        row
        for market in ("ou", "martingale")
        for trades in (250, 1_000)
        for row in earned(market, trades, [(19.0,), (19.0,)], [18.0, 19.0])
    ]
    draw(scores(rows), tmp_path / "few.png")
    assert (tmp_path / "few.png").read_bytes().startswith(b"\x89PNG")


# --- the command -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["few", "--trades", "5"], "--trades: got 5, expected 200 or more for few"),
        (["ou", "--trades", "250,1000"], "--trades: got 250,1000, expected one number"),
        (["few", "--trades", "many"], "got many, expected whole numbers like 250,1000"),
        (["few", "--market", "oil"], "--market: got oil, expected one of ou, disorder"),
        (["ou", "--market", "ou"], "--market: only for few, not for ou"),
        (["few", "--learning-seeds", "0"], "--learning-seeds: got 0, expected a whole number"),
        (["few", "--set", "data.bars=x.csv"], "the market of an exam is fixed"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]):
    assert main(["exam", *words]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.slow
def test_the_whole_exam_says_what_everybody_earned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["--quick", "--market", "ou", "--trades", "250", "--json"]
    words += ["--set", "ppo.total_timesteps=32768", "--picture", str(tmp_path / "few.png")]
    main(["exam", "few", *words])
    record = json.loads(capsys.readouterr().out)
    assert record["exam"] == "few"
    rows = {row["examinee"]: row for row in record["verdicts"]}
    assert record["passed"] == rows["learned"]["passed"]
    assert rows["learned"]["asked"] == "rule - 4%"
    assert 0.85 < rows["fitted rule"]["share"] < rows["oracle's rule"]["share"] < 0.98
    assert rows["learned"]["share"] > rows["leave at once"]["share"]
    assert (tmp_path / "few.png").exists()


def test_what_is_examined_by_default_is_the_experiment_that_is_recommended(
    repository: Path,
) -> None:
    file = load_experiment(repository / "experiments" / "v4_few.yaml")
    for section in ("learner", "exact", "guards", "reward"):
        assert getattr(recommended(), section) == getattr(file, section)
