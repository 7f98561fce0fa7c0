"""`jaxexit init`: what two files say about a trade list, what is asked, and what is written."""

import io
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxexit.config import changes, load_experiment, resolved
from jaxexit.data.plausibility import likely_clock
from jaxexit.errors import ConfigError, DataError, UserError
from jaxexit.init.begin import Begun, explore, version_part
from jaxexit.init.draft import Draft
from jaxexit.init.questions import AtTerminal, Defaults, Question
from jaxexit.init.written import files_in, write
from tests.data.made import PIP, bar_table, quarter_hours, walk
from tests.support import tiny

BARS = 3000
SMALL = ("data.warmup=100", "env.max_bars=20")


def list_of(
    bars: pd.DataFrame,
    count: int = 120,
    *,
    at: str = "close",
    above: float = 0.0,
    below: float = 0.0,
    stop: float = 10 * PIP,
) -> pd.DataFrame:
    """Trades on bars, long and short in turn, at the bars' prices, longs so much above and shorts below."""
    rows = np.linspace(120, len(bars) - 60, count).astype(int)
    direction = np.where(np.arange(count) % 2 == 0, 1, -1)
    price = bars[at].to_numpy()[rows] + np.where(direction > 0, above, -below)
    return pd.DataFrame(
        {
            "entry_time": pd.DatetimeIndex(bars["time"]).tz_localize(None)[rows],
            "direction": np.where(direction > 0, "long", "short"),
            "entry_price": price,
            "sl": price - direction * stop,
            "exit_time": pd.DatetimeIndex(bars["time"]).tz_localize(None)[rows + 5],
        }
    )


class Folder:
    """A trader's folder with bars and a list."""

    def __init__(
        self, path: Path, bars: pd.DataFrame, trades: pd.DataFrame, name: str = "eurusd"
    ) -> None:
        self.path = path
        self.bars, self.trades = path / f"{name}.csv", path / "my trades.csv"
        bars.to_csv(self.bars, index=False)
        trades.to_csv(self.trades, index=False)

    def begun(self, *said: str, ask: Any = None) -> Begun:
        return explore(Draft(str(self.bars), str(self.trades), said, ask or Defaults()))


def found(begun: Begun) -> dict[str, tuple[Any, str]]:
    """Value of each key, and how it is known."""
    facts = begun.draft.facts
    return {fact.key: (fact.value, fact.how) for fact in facts if fact.key is not None}


@pytest.fixture
def bars() -> pd.DataFrame:
    return bar_table(rows=BARS)


@pytest.mark.parametrize(("at", "filled_at"), [("close", "bar_close"), ("open", "bar_open")])
def test_entry_prices_tell_at_which_end_of_the_bar_trades_were_filled(
    tmp_path: Path, bars: pd.DataFrame, at: str, filled_at: str
) -> None:
    begun = Folder(tmp_path, bars, list_of(bars, at=at)).begun(*SMALL)
    assert found(begun)["data.filled_at"] == (filled_at, "found")


@pytest.mark.parametrize(
    ("above", "below", "side"), [(1.4, 0.0, "bid"), (0.0, 1.4, "ask"), (0.7, 0.7, "mid")]
)
def test_what_longs_paid_above_shorts_tells_side_and_spread(
    tmp_path: Path, bars: pd.DataFrame, above: float, below: float, side: str
) -> None:
    trades = list_of(bars, above=above * PIP, below=below * PIP)
    said = found(Folder(tmp_path, bars, trades).begun(*SMALL))
    assert said["data.price_side"] == (side, "found")
    assert said["costs.spread"] == ("1.4 pips", "found")


def test_the_spread_of_bars_whose_side_is_known_is_what_longs_paid_above_shorts(
    tmp_path: Path, bars: pd.DataFrame
) -> None:
    trades = list_of(bars, above=1.4 * PIP)
    said = found(Folder(tmp_path, bars, trades, "eurusd_bid").begun(*SMALL))
    assert said["data.price_side"] == ("bid", "found")
    assert said["costs.spread"] == ("1.4 pips", "found")
    asks = found(
        Folder(tmp_path, bars, trades, "eurusd_ask").begun(*SMALL)
    )  # at odds with the list
    assert asks["data.price_side"] == ("ask", "found")
    assert asks["costs.spread"] == ("1 pips", "assumed")


def test_prices_that_tell_no_side_leave_it_to_be_asked(tmp_path: Path, bars: pd.DataFrame) -> None:
    ask = Defaults()
    said = found(Folder(tmp_path, bars, list_of(bars)).begun(*SMALL, ask=ask))
    assert said["data.price_side"] == ("bid", "assumed")
    assert said["costs.spread"] == ("1 pips", "assumed")
    assert {question.key for question in ask.open} == {
        "data.timezone", "data.price_side", "costs.spread", "costs.commission",
    } - {"data.timezone"}  # fmt: skip
    with pytest.raises(UserError, match="no terminal to ask at: give --yes"):
        ask.require_consent()


def test_a_list_on_another_clock_than_the_bars_is_the_same_list(
    tmp_path: Path, bars: pd.DataFrame
) -> None:
    trades = list_of(bars)
    (tmp_path / "utc").mkdir()
    utc = Folder(tmp_path / "utc", bars, trades).begun(*SMALL)
    for name in ("entry_time", "exit_time"):
        trades[name] += pd.Timedelta(hours=3)
    athens = Folder(tmp_path, bars, trades).begun(*SMALL)
    assert found(athens)["data.trades_timezone"] == ("UTC+3", "found")
    assert found(utc)["data.trades_timezone"] == (None, "found")
    for split, table in utc.dataset.tables.items():
        assert list(athens.dataset.tables[split]["entry_bar"]) == list(table["entry_bar"])


def test_weekends_tell_the_clock_of_a_brokers_server() -> None:
    """A week from Sunday to Friday 17:00 New York, stamped on a server seven hours ahead of it."""
    hours = pd.date_range("2022-01-02", "2022-07-30", freq="h", tz="America/New_York")
    of_week = 24 * hours.day_of_week + hours.hour
    week = hours[(of_week < 24 * 4 + 17) | (of_week >= 24 * 6 + 17)]
    utc = week.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]")
    server = (week.tz_localize(None) + pd.Timedelta(hours=7)).to_numpy().astype("datetime64[ns]")
    assert likely_clock(utc) is None
    assert likely_clock(server) == "America/New_York+7"


def test_last_stops_of_a_list_are_not_taken_for_first_ones(
    tmp_path: Path, bars: pd.DataFrame
) -> None:
    trades = list_of(bars)
    won = np.arange(len(trades)) % 3 == 0
    beyond = trades["entry_price"] + np.where(trades["direction"] == "long", 1, -1) * 5 * PIP
    trades["sl"] = trades["sl"].where(~won, beyond)  # trailed into profit
    begun = Folder(tmp_path, bars, trades).begun(*SMALL)
    assert found(begun)["data.stops"] == ("ignore", "found")
    assert begun.trades > 0.9 * len(trades)  # the winners are still there
    assert "the list has no stops" in str(begun.draft.facts)


def test_of_a_list_with_two_symbols_that_of_the_bars_is_taken(
    tmp_path: Path, bars: pd.DataFrame
) -> None:
    trades = list_of(bars)
    others = trades.assign(symbol="GBPUSD", entry_price=trades["entry_price"] + 0.15)
    both = pd.concat([trades.assign(symbol="EUR/USD"), others, others])
    begun = Folder(tmp_path, bars, both).begun(*SMALL)
    assert found(begun)["data.symbol"] == ("EUR/USD", "found")
    assert begun.name == "eur_usd_m15"


def test_trades_that_lie_outside_the_bars_are_said_in_the_file(
    tmp_path: Path, bars: pd.DataFrame
) -> None:
    trades = list_of(bars)
    folder = Folder(tmp_path, bars.head(2400), trades)
    begun = folder.begun(*SMALL)
    assert found(begun)["data.allow_partial"] == (True, "assumed")
    files = files_in(tmp_path, "part")
    write(begun, files, "jaxexit init")
    text = re.sub(r"\s*#?\s+", " ", files.v1.read_text())
    assert re.search(
        r"assumed: \d+ of 120 trades cannot be used: .* lie before the first or after", text
    )


@pytest.mark.parametrize(
    ("bars_first", "trades_second", "words"),
    [
        ("trades", "bars", "bars come first"),
        ("trades", "trades", "is a list of trades, not bars"),
        ("bars", "bars", "holds bars, not trades"),
        ("nothing", "trades", "no such file of bars"),
        ("bars", "nothing", "no such file of trades"),
        ("bars", "folder", "but a folder"),
    ],
)
def test_files_in_the_wrong_place_are_named(
    tmp_path: Path, bars: pd.DataFrame, bars_first: str, trades_second: str, words: str
) -> None:
    folder = Folder(tmp_path, bars, list_of(bars))
    paths = {"bars": folder.bars, "trades": folder.trades, "folder": tmp_path}
    names = [str(paths.get(each, tmp_path / "nothing.csv")) for each in (bars_first, trades_second)]
    with pytest.raises(DataError, match=words):
        explore(Draft(names[0], names[1], SMALL, Defaults()))


def test_trades_of_another_year_are_told_with_both_spans(
    tmp_path: Path, bars: pd.DataFrame
) -> None:
    trades = list_of(bars)
    trades["entry_time"] += pd.Timedelta(days=800)
    with pytest.raises(
        DataError, match=r"every trade lies outside the bars: trades from 2024.*2022"
    ):
        Folder(tmp_path, bars, trades).begun(*SMALL)


def test_a_handful_of_trades_is_refused_with_the_number_needed(
    tmp_path: Path, bars: pd.DataFrame
) -> None:
    with pytest.raises(DataError, match="15 of 15 trades can be used, at least 20 are needed"):
        Folder(tmp_path, bars, list_of(bars, 15)).begun(*SMALL)


def test_seven_trades_of_ten_are_entered_before_validation(
    tmp_path: Path, bars: pd.DataFrame
) -> None:
    trades = list_of(bars.iloc[1500:].reset_index(drop=True), 200)  # none in the first half
    counts = {
        split: len(table)
        for split, table in Folder(tmp_path, bars, trades).begun(*SMALL).dataset.tables.items()
    }
    assert counts["train"] == pytest.approx(140, abs=3)
    assert min(counts["validation"], counts["test"]) > 25


def test_few_trades_get_the_learner_for_few_as_v4_has_it(
    tmp_path: Path, bars: pd.DataFrame, repository: Path
) -> None:
    begun = Folder(tmp_path, bars, list_of(bars)).begun(*SMALL)
    _, second = write(begun, files_in(tmp_path, "few"), "jaxexit init")
    v4 = load_experiment(repository / "experiments" / "v4_few.yaml")
    assert second.learner == "exact"
    assert (second.guards, second.exact) == (v4.guards, v4.exact)
    centre = {"time_sigmoid_center": v4.reward.time_sigmoid_center}  # of a cost that is 0
    assert second.reward.model_copy(update=centre) == v4.reward
    assert second.ppo.gamma == v4.ppo.gamma
    assert second.evaluation == v4.evaluation
    text = (tmp_path / "v2_few.yaml").read_text()
    assert "are few: below about 4,000 the learner of whole paths earns more" in text


def test_many_trades_get_the_guards_of_v2(tmp_path: Path, repository: Path) -> None:
    bars = bar_table(rows=14_000)
    begun = Folder(tmp_path, bars, list_of(bars, 4400)).begun(*SMALL)
    first, second = write(begun, files_in(tmp_path, "many"), "jaxexit init")
    v1, v2 = (
        load_experiment(repository / "experiments" / name)
        for name in ("v1_baseline.yaml", "v2_exit_guards.yaml")
    )
    assert begun.trades >= 4000

    def differing(before: Any, after: Any) -> dict[str, Any]:
        return {
            key: now
            for key, (_, now) in changes(resolved(before), resolved(after)).items()
            if key.split(".")[0] in ("guards", "reward", "ppo", "learner")
        }

    assert differing(first, second) == differing(v1, v2)
    assert first.guards == v1.guards


def test_a_market_with_wide_stops_has_guards_of_its_own_size(tmp_path: Path) -> None:
    prices = walk(3, BARS, pips=2_000_000, price=30_000.0).round(2)  # 200 a bar
    table = pd.DataFrame(prices, columns=["open", "high", "low", "close"])
    table.insert(0, "time", pd.DatetimeIndex(quarter_hours(BARS)).tz_localize("UTC"))
    trades = list_of(table, stop=360.0)
    begun = Folder(tmp_path, table, trades, "BTCUSDT").begun(*SMALL)
    said = found(begun)
    assert said["data.unit"] == ("percent", "found")
    assert begun.risk == pytest.approx(0.012, rel=0.5)
    assert said["guards.min_profit_for_partial"][0] == pytest.approx(begun.risk, rel=0.05)
    assert said["reward.reward_scale"][0] * begun.risk == pytest.approx(0.1, rel=0.05)


def test_what_the_user_says_is_not_asked_and_stands_in_the_file(
    tmp_path: Path, bars: pd.DataFrame
) -> None:
    ask = Defaults()
    said = (*SMALL, "data.price_side=mid", "costs.spread_pips=0.8", "costs.commission=0.00003",
            "data.timezone=UTC", "ppo.num_envs=16")  # fmt: skip
    begun = Folder(tmp_path, bars, list_of(bars)).begun(*said, ask=ask)
    assert ask.open == []
    first, _ = write(begun, files_in(tmp_path, "said"), "jaxexit init")
    assert (first.data.price_side, first.costs.spread_pips) == ("mid", 0.8)
    assert (first.costs.spread, first.ppo.num_envs, first.data.warmup) == (None, 16, 100)
    assert "# said: as you say\n  spread_pips: 0.8" in (tmp_path / "v1_said.yaml").read_text()


def test_a_wrong_key_of_set_is_told_before_any_file_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="spreed"):
        Draft("bars.csv", "trades.csv", ["costs.spreed=1"], Defaults())


def test_an_answer_that_is_not_allowed_is_asked_for_again(
    tmp_path: Path,
    bars: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers = {"data.price_side": "both\nask\n", "costs.spread": "wide\n1.2 pips\n"}

    def answered(question: Question, check: Any) -> tuple[Any, bool]:
        monkeypatch.setattr("sys.stdin", io.StringIO(answers.get(question.key, "\n")))
        return AtTerminal()(question, check)

    begun = Folder(tmp_path, bars, list_of(bars)).begun(*SMALL, ask=answered)
    said = found(begun)
    assert said["data.price_side"] == ("ask", "said")
    assert said["costs.spread"] == ("1.2 pips", "said")
    assert said["costs.commission"] == (0.0, "assumed")  # Enter
    err = capsys.readouterr().err
    assert "got 'both'" in err
    assert "got 'wide'" in err


def test_a_terminal_that_closes_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(UserError, match="give --yes"):
        AtTerminal()(Question("costs.spread", "How wide?", "1 pips", "a guess"), lambda value: None)


@pytest.mark.parametrize(
    ("text", "part"),
    [("My FX list", "my_fx_list"), ("EUR/USD M15", "eur_usd_m15")],
)
def test_any_name_becomes_one_that_a_version_may_have(text: str, part: str) -> None:
    assert version_part(text) == part


def test_a_name_without_letters_is_refused() -> None:
    with pytest.raises(UserError, match="--name: got '/', expected letters and digits"):
        version_part(" / ")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str, str]:
    """The whole command, once."""
    path = tmp_path_factory.mktemp("trader")
    bars = bar_table()  # as many bars and trades as `tiny` has: programs are compiled once for both
    folder = Folder(path, bars, list_of(bars, 930))
    words = ["--root", path, "--name", "My list", "--json", "--yes"]
    for text in SMALL:
        words += ["--set", text]
    return path, *tiny.run("init", folder.bars, folder.trades, *words)


def test_the_command_writes_both_files_and_says_what_to_type_next(
    said: tuple[Path, int, str, str],
) -> None:
    path, code, out, err = said
    assert code == 0
    record = json.loads(out)
    assert record["v1"] == str(path / "v1_my_list.yaml")
    assert record["next"] == f"python -m jaxexit.train {path / 'v2_my_list.yaml'}"
    assert record["power"]["test"]["trades"] == record["trades"]["test"]
    assert "power: this test could" in err
    assert "check what is assumed: data.price_side, costs.spread, costs.commission" in err
    assert load_experiment(path / "v2_my_list.yaml").parent == "v1_my_list"


def test_every_value_in_the_file_says_how_it_is_known(said: tuple[Path, int, str, str]) -> None:
    lines = (said[0] / "v1_my_list.yaml").read_text().splitlines()
    files = ("bars", "entries", "trades")
    body = lines[lines.index("data:") :]
    for before, line in pairwise(body):
        key, _, value = line.strip().partition(":")
        if value and not line.strip().startswith("#") and key not in files:
            assert before.strip().startswith("#"), line


def test_files_that_are_there_are_not_overwritten(said: tuple[Path, int, str, str]) -> None:
    path = said[0]
    before = tiny.contents(path)
    code, _, err = tiny.run(
        "init",
        path / "eurusd.csv",
        path / "my trades.csv",
        "--root",
        path,
        "--name",
        "my_list",
        "--yes",
    )
    assert code == 2
    assert err.strip().splitlines() == [
        f"error: {path}/v1_my_list.yaml: is there already, and is not overwritten; choose another name "
        "with --name"
    ]
    assert tiny.contents(path) == before


def test_without_a_terminal_and_without_yes_nothing_is_written(
    said: tuple[Path, int, str, str], tmp_path: Path
) -> None:
    path = said[0]
    code, _, err = tiny.run("init", path / "eurusd.csv", path / "my trades.csv", "--root", tmp_path)
    assert code == 2
    assert "the files do not say data.price_side, costs.spread, costs.commission" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "small"),
    [
        (
            "v1_my_list",
            (
                "ppo.num_envs=4",
                "ppo.num_steps=64",
                "ppo.minibatch_size=64",
                "ppo.total_timesteps=512",
            ),
        ),
        ("v2_my_list", ("exact.updates=1", "exact.trades=64", "exact.minibatches=2")),
    ],
)
def test_what_is_written_trains(
    said: tuple[Path, int, str, str], version: str, small: tuple[str, ...]
) -> None:
    words: list[str] = []
    for text in small:
        words += ["--set", text]
    code, out, err = tiny.run("train", said[0] / f"{version}.yaml", "--json", *words)
    assert code == 0, err
    assert json.loads(out)["backtest"]["policies"]


def test_real_lists_are_read_as_their_readme_says(shared_data: Path) -> None:
    """FX: filled at the bid closes of its own bars; crypto: at opens, stamped on Berlin's clock."""
    cases = shared_data / "cases"
    fx = explore(
        Draft(
            str(shared_data / "audusd_m15_bid_2022h1.parquet"),
            str(shared_data / "audusd_m15_trades_2022h1.csv"),
            (),
            Defaults(),
        )
    )
    assert (found(fx)["data.filled_at"], fx.name) == (("bar_close", "found"), "audusd_m15")
    assert found(fx)["data.price_side"] == ("bid", "found")
    crypto = explore(
        Draft(
            str(cases / "_bars" / "btc_h1_utc_epoch_ms.csv"),
            str(cases / "two_clocks" / "trb_berlin.csv"),
            (),
            Defaults(),
        )
    )
    assert found(crypto)["data.trades_timezone"] == ("UTC+1", "found")
    assert found(crypto)["data.filled_at"] == ("bar_open", "found")
