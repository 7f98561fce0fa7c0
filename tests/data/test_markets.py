"""What kind of market bars are of, what its results, costs and year are counted in."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.config import Experiment
from jaxexit.config.market import Costs
from jaxexit.data.bars import Bars, complete_book, describe, load_bars
from jaxexit.data.calendars import Calendar, calendar_of
from jaxexit.data.charges import carry, charges_of
from jaxexit.data.dataset import Dataset, load_dataset, load_folds
from jaxexit.data.markets import MarketKind, recognise, unit_of
from jaxexit.data.quotes import read_quotes
from jaxexit.errors import ConfigError, DataError
from jaxexit.evaluate.metrics import annual_sharpe, daily_net
from jaxexit.units import BPS, PERCENT, Amount, R, Unit, amount
from tests.data.made import bar_table, experiment, write_bars

KNOWN = {
    "EURUSD_H1.csv": "currency pair",
    "audusd_m15_bid.parquet": "currency pair",
    "EUR_JPY.csv": "currency pair",
    "USDMXN.csv": "currency pair",
    "XAUUSD.csv": "metal",
    "gold_h1.csv": "metal",
    "BTCUSDT-1h-2024.csv": "crypto",
    "btc_h1.csv": "crypto",
    "ETH_EUR.csv": "crypto",
    "BTC_USDT_USDT-8h-futures.feather": "crypto",
    "US500.csv": "index",
    "DE40cash_M15.csv": "index",
    "ES 03-23.Last.txt": "future",
    "NQ=F.csv": "future",
    "CLZ24.csv": "future",
}


def bars_of(
    price: float, digits: int, step: str, rows: int = 400, start: str = "2023-01-02T00:00"
) -> tuple[np.ndarray, np.ndarray]:
    """Opens and OHLC of a quiet market, `digits` behind the point."""
    freq = pd.date_range(start, periods=rows, freq=step)
    rng = np.random.default_rng(0)
    close = price * (1 + 0.001 * rng.standard_normal(rows).cumsum())
    prices = np.stack([close, close * 1.001, close * 0.999, close], axis=1).round(digits)
    return freq.to_numpy("datetime64[ns]"), prices


def weekdays(times: np.ndarray, prices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    open_ = np.is_busday(times.astype("datetime64[D]"))
    return times[open_], prices[open_]


def kind(where: str, times: np.ndarray, prices: np.ndarray, symbol: str | None = None) -> str:
    return recognise(where, pd.DataFrame(), times, prices, symbol).kind


@pytest.mark.parametrize(("name", "expected"), KNOWN.items())
def test_a_market_is_known_by_its_files_name(name: str, expected: str) -> None:
    assert kind(name, *bars_of(1.1, 5, "1h")) == expected


@pytest.mark.parametrize(
    "name", ["es_trades.csv", "bars.csv", "near.csv", "link.csv", "solution.csv"]
)
def test_a_word_of_a_name_is_no_symbol(name: str) -> None:
    times, prices = weekdays(*bars_of(1.1, 5, "1h"))
    assert kind(name, times, prices) == "currency pair"  # by its prices


def test_without_a_name_the_bars_tell() -> None:
    assert kind("bars.csv", *bars_of(0.51, 4, "1h")) == "crypto"  # it trades at weekends
    times, prices = bars_of(12.3, 2, "30min", rows=2_000)
    hour = pd.DatetimeIndex(times).hour.to_numpy()
    session = (hour >= 14) & (hour < 21)
    assert kind("bars.csv", *weekdays(times[session], prices[session])) == "stock"
    assert kind("bars.csv", *weekdays(*bars_of(1.1, 5, "1h"))) == "currency pair"
    assert kind("bars.csv", *weekdays(*bars_of(145.2, 3, "1h"))) == "currency pair"
    assert kind("bars.csv", *weekdays(*bars_of(15_000.5, 1, "1h"))) == "unknown"
    assert kind("bars.csv", *weekdays(*bars_of(12.3, 2, "1D"))) == "unknown"


def test_flat_fillers_of_weekends_make_no_crypto() -> None:
    times, prices = bars_of(1.1, 5, "1h")
    flat = ~np.is_busday(times.astype("datetime64[D]"))
    prices[flat] = prices[flat][:, :1]
    assert kind("bars.csv", times, prices) == "currency pair"


def test_the_user_has_the_last_word() -> None:
    times, prices = bars_of(1.1, 5, "1h")
    assert kind("EURUSD.csv", times, prices, symbol="BTC/USDT") == "crypto"
    market = MarketKind("crypto", "BTCUSDT", "its name")
    assert unit_of(market, prices) == PERCENT
    assert unit_of(market, prices, pip=0.5) == Unit("pips", 0.5)
    assert unit_of(market, prices, unit="R") == R
    assert unit_of(market, prices, unit="bps") == BPS
    with pytest.raises(DataError, match=r"has none: set data\.pip"):
        unit_of(market, prices, unit="pip")


def test_units_of_price_are_the_markets_own() -> None:
    es = np.array([[4_500.25, 4_501.0, 4_499.75, 4_500.5]] * 3)
    assert unit_of(MarketKind("future", "ES", ""), es) == Unit("ticks", 0.25)
    assert unit_of(MarketKind("future", "ES", ""), es, tick_size=0.5) == Unit("ticks", 0.5)
    gold = np.array([[1_912.31, 1_913.0, 1_911.07, 1_912.5]] * 3)
    assert unit_of(MarketKind("metal", "XAUUSD", ""), gold) == Unit("points", 0.01)
    yen_cross = np.full((3, 4), 4.512)
    assert unit_of(MarketKind("currency pair", "TRYJPY", ""), yen_cross) == Unit("pips", 0.01)


def test_an_amount_says_what_it_counts() -> None:
    assert amount(1.5) == Amount(1.5, "own")
    assert amount("2 bps") == Amount(2.0, "bps")
    assert amount("0.02%") == Amount(0.02, "percent")
    assert amount(" 1 tick ") == Amount(1.0, "ticks")
    for wrong in ("2", "two bps", "2 dollars", "--1 bps"):
        with pytest.raises(ValueError, match="a number"):
            amount(wrong)


def btc(tmp_path, **book) -> Bars:
    times, prices = bars_of(42_000.0, 1, "1h")
    table = pd.DataFrame(prices, columns=["open", "high", "low", "close"])
    path = tmp_path / "btcusdt.csv"
    table.assign(time=pd.DatetimeIndex(times, tz="UTC"), rate=0.0002).to_csv(path, index=False)
    return complete_book(read_quotes(path), price_side="mid", **book)


def test_only_a_currency_pair_has_a_usual_spread(tmp_path) -> None:
    with pytest.raises(DataError, match=r"none is usual for this market, crypto.*costs\.spread"):
        btc(tmp_path)
    with pytest.raises(
        DataError, match=r"costs\.spread_pips: found 1 pips, but the market has none"
    ):
        btc(tmp_path, spread_pips=1.0)
    bars = btc(tmp_path, spread="2 bps")
    np.testing.assert_allclose(bars.spread, 2.0)
    np.testing.assert_allclose(
        bars.ask - bars.bid, 2e-4 * np.repeat(bars.mid[:, 3:], 4, axis=1), rtol=1e-9
    )
    np.testing.assert_allclose(btc(tmp_path, spread=3).spread, 3.0)  # basis points, costs' own unit
    told = describe(bars)
    assert "results in percent of the entry, calendar 24x7, 365.2 trading days a year" in told
    np.testing.assert_allclose(
        btc(tmp_path, spread="0.1 price").ask[:, 0] * 2, 2 * bars.mid[:, 0] + 0.1
    )


def test_points_are_the_files_last_digit_in_any_market(tmp_path) -> None:
    times, prices = bars_of(1_912.3, 2, "1h")
    table = pd.DataFrame(prices, columns=["open", "high", "low", "close"])
    path = tmp_path / "XAUUSD.csv"
    table.assign(time=times, tick_volume=5, spread=25).to_csv(path, index=False)
    bars = load_bars(path, price_side="bid")
    assert bars.unit == Unit("points", 0.01)
    np.testing.assert_allclose(bars.spread, 25.0)


def test_what_costs_are_in_the_price(tmp_path) -> None:
    bars = btc(tmp_path, spread="1 bps")
    costs = Costs(
        commission=0.0005,
        commission_maker=0.0002,
        commission_per_lot=2.5,
        commission_minimum=10.0,
        point_value=5.0,
        lots=2.0,
        slippage="1 bps",
        swap_long=3.0,
        swap_short="-2 price",
    )
    charges = charges_of(costs, bars)
    assert charges.commission_fixed == 0.5  # a lot earns 5 when the price rises by 1
    assert charges.commission_minimum == 1.0  # 10 for two lots
    assert (charges.slippage, charges.slippage_fraction) == (0.0, 1e-4)
    assert (charges.swap_long, charges.swap_long_fraction) == (0.0, pytest.approx(3e-4))
    assert (charges.swap_short, charges.swap_short_fraction) == (-2.0, 0.0)
    assert charges.money == 10.0
    assert not charges.plain
    with pytest.raises(DataError, match=r"costs\.slippage_pips: found 1 pips"):
        charges_of(Costs(slippage_pips=1.0), bars)
    with pytest.raises(DataError, match="no column 'funding_rate'"):
        charges_of(Costs(funding="funding_rate"), bars)


def test_funding_falls_due_three_times_a_day_and_longs_pay_shorts(tmp_path) -> None:
    bars, hour = btc(tmp_path, spread="1 bps"), np.timedelta64(1, "h")
    for said, rate in ((0.0001, 0.0001), ("rate", 0.0002)):
        crossed, inside = carry(charges_of(Costs(funding=said), bars), bars, hour)
        due = pd.DatetimeIndex(bars.times).hour.to_numpy() % 8 == 0
        due[0] = False  # nobody held anything before the first bar
        np.testing.assert_allclose(crossed[:, 0], np.where(due, rate, 0.0), rtol=1e-6)
        np.testing.assert_array_equal(crossed[:, 1], -crossed[:, 0])
        assert not inside.any()


def test_what_is_borrowed_costs_by_the_time_that_passes(tmp_path) -> None:
    bars, hour = btc(tmp_path, spread="1 bps"), np.timedelta64(1, "h")
    crossed, inside = carry(charges_of(Costs(borrow=0.05), bars), bars, hour)
    years = float((bars.times[-1] - bars.times[0] + hour) / np.timedelta64(365, "D"))
    assert (crossed + inside)[:, 1].sum() == pytest.approx(0.05 * years, rel=1e-5)
    assert not (crossed + inside)[:, 0].any()  # a long borrows nothing


def test_the_year_is_the_markets() -> None:
    times = pd.date_range("2021-01-01", "2022-12-31", freq="1h").to_numpy("datetime64[ns]")
    unknown = MarketKind("unknown", "", "")
    assert calendar_of("auto", MarketKind("crypto", "", ""), times).days_a_year == 365.25
    assert calendar_of("auto", MarketKind("currency pair", "", ""), times).name == "fx"
    open_days = times[np.is_busday(times.astype("datetime64[D]"))]
    assert calendar_of("auto", MarketKind("stock", "", ""), open_days).days_a_year == pytest.approx(
        261, abs=1
    )
    exchange = calendar_of("XNYS", unknown, times)
    assert exchange.days_a_year == pytest.approx(252, abs=1)
    assert exchange.sessions is not None
    assert np.datetime64("2021-07-05") not in exchange.sessions  # Independence Day, observed
    with pytest.raises(DataError, match="found NYSE!, allowed are auto, fx, 24x7"):
        calendar_of("NYSE!", unknown, times)


def test_a_market_of_365_days_is_annualised_by_them() -> None:
    bars = pd.date_range("2023-01-02", periods=14, freq="1D", tz="UTC")
    marks = pd.Series(np.arange(14.0), bars)
    crypto = daily_net(marks, Calendar("24x7", 365.25))
    assert len(crypto) == 14
    assert len(daily_net(0 * marks, Calendar("24x7", 365.25))) == 14
    assert len(daily_net(0 * marks)) == 10
    plain = annual_sharpe(crypto.to_numpy(), 1.0)
    assert annual_sharpe(crypto.to_numpy(), 365.25) == pytest.approx(plain * np.sqrt(365.25))


def test_money_needs_the_value_of_a_point(tmp_path) -> None:
    with pytest.raises(
        ConfigError, match=r"costs\.point_value: got null, expected with commission_per_lot"
    ):
        experiment(tmp_path, "costs.commission_per_lot=3.5")
    with pytest.raises(ConfigError, match=r"costs\.spread: got spread_pips as well"):
        experiment(tmp_path, "costs.spread=2", "costs.spread_pips=1")
    with pytest.raises(ConfigError, match=r"costs\.slippage: got '2 dollars', expected a number"):
        experiment(tmp_path, "costs.slippage=2 dollars")


def test_ten_bars_are_said_to_be_fewer_than_the_warm_up(tmp_path) -> None:
    path = write_bars(tmp_path, bar_table(rows=10))
    with pytest.raises(DataError, match=r"10 bars, the warm-up alone is 100"):
        load_dataset(experiment(tmp_path, bars=path))


def stock(tmp_path, *overrides: str) -> Experiment:
    """A daily stock that moves two percent a day."""
    random = np.random.default_rng(5)
    close = 40 * np.exp(0.02 * random.standard_normal(1_500).cumsum())
    reach = np.exp(0.01 * random.exponential(1.0, (2, 1_500)))
    opened = np.concatenate([[40.0], close[:-1]])
    table = pd.DataFrame(
        {
            "Date": pd.bdate_range("2015-01-01", periods=1_500),
            "Open": opened,
            "High": np.maximum(opened, close) * reach[0],
            "Low": np.minimum(opened, close) / reach[1],
            "Close": close,
            "Adj Close": close,
        }
    )
    path = tmp_path / "prices.csv"
    table.to_csv(path, index=False, float_format="%.4f")
    return experiment(tmp_path, "costs.spread=2 bps", *overrides, bars=path)


def test_shares_of_the_price_are_measured_by_the_training_split_of_a_stock(tmp_path) -> None:
    dataset = load_dataset(stock(tmp_path))
    assert dataset.unit == PERCENT
    assert set(dataset.scales) == {"atr_share", "bollinger_width_share"}
    seen = np.asarray(dataset.market.features)
    (atr,) = (f.column_index for f in dataset.features if f.name == "entry_atr")
    train = dataset.tables["train"]["entry_bar"].to_numpy(int)
    assert np.median(seen[train, atr]) == pytest.approx(1.0, rel=0.1)
    assert not any("warning: clipped" in line for line in dataset.summary)
    # Frozen scales are those of the training, whatever comes later.
    frozen = stock(tmp_path).model_copy(update={"scales": {"atr_share": 2.0}})
    twice = load_dataset(frozen)
    np.testing.assert_allclose(
        np.asarray(twice.market.features)[train, atr],
        seen[train, atr] * dataset.scales["atr_share"] / 2.0,
        rtol=1e-5,
    )


def test_a_feature_that_is_clipped_or_always_the_same_is_said(tmp_path) -> None:
    said = load_dataset(stock(tmp_path, "env.feature_scales=fixed")).summary
    (clipped,) = (line for line in said if "warning: clipped" in line)
    assert "entry_atr on 100%" in clipped
    (constant,) = (line for line in said if "the same at 99%" in line)
    assert "hour_sin, hour_cos" in constant


def test_a_currency_pair_keeps_its_scales(tmp_path) -> None:
    dataset = load_dataset(experiment(tmp_path))
    assert dataset.scales == {}
    assert all(feature.divisor == 1.0 for feature in dataset.features)


@pytest.mark.parametrize(("factor", "words"), [(2, "2:1"), (3, "3:1"), (10, "10:1"), (0.1, "1:10")])
def test_a_split_that_nobody_adjusted_for_is_found(tmp_path, factor: float, words: str) -> None:
    experiment_of = stock(tmp_path)
    path = Path(experiment_of.data.bars)
    table = pd.read_csv(path)
    prices = ["Open", "High", "Low", "Close"]
    assert not any(
        "like a split" in remark for remark in load_bars(path, price_side="mid", spread=0).remarks
    )
    table.loc[700:, prices] /= factor
    table.to_csv(path, index=False)
    (doubt,) = (
        r for r in load_bars(path, price_side="mid", spread=0).remarks if "like a split" in r
    )
    assert f"{words} at {table['Date'][700]}" in doubt


def test_funding_that_is_missing_or_in_percent_is_refused(tmp_path) -> None:
    bars, hour = btc(tmp_path, spread="1 bps"), np.timedelta64(1, "h")
    charges = charges_of(Costs(funding="rate"), bars)
    bars.table["rate"] = 0.01
    with pytest.raises(DataError, match="not percent; divide it by 100"):
        carry(charges, bars, hour)
    bars.table["rate"] = 0.0001
    bars.table.loc[16, "rate"] = np.nan  # 16 h: funding falls due
    with pytest.raises(DataError, match="no rate in 1 bars in which funding falls due"):
        carry(charges, bars, hour)
    bars.table.loc[16, "rate"], bars.table.loc[17, "rate"] = 0.0001, np.nan  # 17 h: it does not
    carry(charges, bars, hour)


def test_a_spread_column_that_says_nothing_is_no_market_that_trades_for_nothing(tmp_path) -> None:
    times, prices = bars_of(1_912.3, 2, "1h")
    table = pd.DataFrame(prices, columns=["open", "high", "low", "close"])
    path = tmp_path / "XAUUSD.csv"
    table.assign(time=times, tick_volume=5, spread=0).to_csv(path, index=False)
    with pytest.raises(DataError, match="none is usual for this market, metal"):
        load_bars(path, price_side="bid")
    np.testing.assert_allclose(load_bars(path, price_side="bid", spread=30).spread, 30.0)


def test_a_brokers_own_letters_do_not_change_the_pip() -> None:
    cross = np.full((3, 4), 4.512)
    for symbol in ("TRYJPY", "TRYJPY.pro", "TRYJPYm", "TRY/JPY"):
        assert unit_of(MarketKind("currency pair", symbol, ""), cross) == Unit("pips", 0.01)


def test_no_fold_is_measured_by_bars_after_its_training(tmp_path) -> None:
    own = stock(tmp_path)
    folds = load_folds(own, 3, rolling=False)
    first = int((folds.datasets[0].times < first_test(folds.datasets[0])).sum())
    path = Path(own.data.bars)
    table = pd.read_csv(path)
    table.loc[first:, ["Open", "High", "Low", "Close"]] **= 1.3  # another future
    table.to_csv(path, index=False)
    assert load_folds(own, 3, rolling=False).datasets[0].scales == folds.datasets[0].scales


def first_test(dataset: Dataset) -> np.datetime64:
    return dataset.times[int(dataset.tables["validation"]["entry_bar"].to_numpy(int)[0])]
