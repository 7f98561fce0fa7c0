"""Other languages, code pages and decimal signs; bars stamped at their close; names that the user tells."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.__main__ import main
from jaxexit.config import load_experiment
from jaxexit.data import load_dataset
from jaxexit.data.bar_files import BarReading, read_quotes
from jaxexit.data.book import load_bars
from jaxexit.data.tables import as_numbers, plain
from jaxexit.data.trades import Reading, load_trades
from jaxexit.errors import DataError
from tests.data.made import bar_table, experiment, write_bars

TIMES = np.array(["2024-01-15T10:00", "2024-01-15T11:00", "2024-01-15T12:00"], "datetime64[ns]")
OHLC = [[1.1, 1.101, 1.099, 1.1005], [1.1005, 1.102, 1.1, 1.1011], [1.1011, 1.103, 1.1, 1.102]]
HEADERS = {
    "German": "Datum;Uhrzeit;Eröffnung;Hoch;Tief;Schluss;Volumen",
    "French": "Date;Heure;Ouverture;Plus haut;Plus bas;Clôture;Volume",
    "Spanish": "Fecha;Hora;Apertura;Máximo;Mínimo;Cierre;Volumen",
    "Russian": "Дата;Время;Открытие;Максимум;Минимум;Закрытие;Объём",
}
PAGES = {"German": "cp1252", "French": "cp1252", "Spanish": "cp1252", "Russian": "cp1251"}
TRADES = {
    "German": ("Symbol;Typ;Eröffnungszeit;Eröffnungskurs;Schließzeit;Schließkurs;Gewinn", "Kauf", "Verkauf"),
    "French": (
        "Symbole;Sens;Heure d'ouverture;Prix d'ouverture;Heure de clôture;Prix de clôture;Bénéfice",
        "Achat", "Vente",
    ),
    "Spanish": (
        "Símbolo;Tipo;Hora de apertura;Precio de apertura;Hora de cierre;Precio de cierre;Beneficio",
        "Compra", "Venta",
    ),
    "Russian": (
        "Символ;Тип;Время открытия;Цена открытия;Время закрытия;Цена закрытия;Прибыль",
        "Покупка", "Продажа",
    ),
}  # fmt: skip
MT5 = {
    "German": "Zeit;Position;Symbol;Typ;Volumen;Preis;S / L;T / P;Zeit;Preis;Kommission;Swap;Gewinn",
    "French": "Heure;Position;Symbole;Type;Volume;Prix;S / L;T / P;Heure;Prix;Commission;Swap;Profit",
    "Spanish": "Hora;Posición;Símbolo;Tipo;Volumen;Precio;S / L;T / P;Hora;Precio;Comisión;Swap;Beneficio",
    "Russian": "Время;Позиция;Символ;Тип;Объем;Цена;S / L;T / P;Время;Цена;Комиссия;Своп;Прибыль",
}
POSITIONS = """
2024.01.15 10:00:00;71;EURUSD;buy;0,10;1,1010;1,1000;1,1025;2024.01.15 11:00:00;1,1025;0,00;0,00;1 150,00
2024.01.15 12:00:00;72;EURUSD;sell;0,10;1,1020;1,1030;;2024.01.15 13:00:00;1,1030;0,00;0,00;-100,00
"""


def bars_in(language: str, decimal: str) -> str:
    rows = [
        ";".join([f"{pd.Timestamp(at):%d.%m.%Y;%H:%M}", *(str(p).replace(".", decimal) for p in prices), "9"])
        for at, prices in zip(TIMES, OHLC, strict=True)
    ]  # fmt: skip
    return "\n".join([HEADERS[language], *rows]) + "\n"


def trades_in(language: str) -> str:
    header, buy, sell = TRADES[language]
    return f"""{header}
EURUSD;{buy};15.01.2024 10:00;1,1010;15.01.2024 11:00;1,1025;1.150,00
EURUSD;{sell};15.01.2024 12:00;1,1020;15.01.2024 13:00;1,1030;-100,00
"""


def encodings(language: str) -> list[str]:
    return ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", PAGES[language]]


@pytest.mark.parametrize("language", HEADERS)
@pytest.mark.parametrize("decimal", [",", "."])
def test_bars_with_headers_of_another_language(tmp_path: Path, language: str, decimal: str):
    for encoding in encodings(language):
        (tmp_path / "a.csv").write_bytes(bars_in(language, decimal).encode(encoding))
        quotes = read_quotes(tmp_path / "a.csv")
        np.testing.assert_array_equal(quotes.times, TIMES)
        np.testing.assert_array_equal(quotes.sides["unknown"], OHLC)
        said = any(f"code page {PAGES[language][2:]}" in remark for remark in quotes.remarks)
        assert said == encoding.startswith("cp")


def check_trades(path: Path) -> None:
    rows, *_ = load_trades(path, "auto")
    assert rows["direction"].tolist() == [1, -1]
    assert rows["entry_time"].tolist() == [pd.Timestamp(f"2024-01-15 {h}:00") for h in (10, 12)]
    assert rows["exit_time"].tolist() == [pd.Timestamp(f"2024-01-15 {h}:00") for h in (11, 13)]
    assert rows["entry_price"].tolist() == [1.101, 1.102]
    assert rows["exit_price"].tolist() == [1.1025, 1.103]


@pytest.mark.parametrize("language", TRADES)
def test_lists_with_headers_and_sides_of_another_language(tmp_path: Path, language: str):
    for encoding in encodings(language):
        (tmp_path / "a.csv").write_bytes(trades_in(language).encode(encoding))
        check_trades(tmp_path / "a.csv")


@pytest.mark.parametrize("language", MT5)
@pytest.mark.parametrize(
    "title", ["", "Report;;;;;;;;;;;;\nName:;;;A;;;;;;;;;\nPositions;;;;;;;;;;;;\n"]
)
def test_a_metatrader_report_saved_as_a_table(tmp_path: Path, language: str, title: str):
    """With a title above it, as Excel saves the report, the rows are known by their shape."""
    for encoding in encodings(language):
        (tmp_path / "a.csv").write_bytes(f"{title}{MT5[language]}{POSITIONS}".encode(encoding))
        check_trades(tmp_path / "a.csv")


@pytest.mark.parametrize("language", MT5)
def test_a_metatrader_report_in_excel(tmp_path: Path, language: str):
    """Positions, then other tables below, as MT5 writes its history."""
    rows = [line.split(";") for line in (MT5[language] + POSITIONS).splitlines()]
    orders = [
        "2024.01.15 10:00:00",
        "71",
        "EURUSD",
        "buy",
        "0.1 / 0.1",
        "",
        "",
        "",
        "2024.01.15 10:00:00",
        "filled",
    ]
    sheet = [["Report"], ["Name:", "", "", "A"], ["Positions"], *rows, ["Orders"], orders]
    width = max(map(len, sheet))
    cells = [[*row, *[None] * (width - len(row))] for row in sheet]
    path = tmp_path / "report.xlsx"
    pd.DataFrame(cells).to_excel(path, header=False, index=False)
    check_trades(path)


def test_a_letter_that_is_none_of_utf8_far_below(tmp_path: Path):
    rows = [f"2024-01-01 00:00:00,long,1.1,{'x' * 80}"] * 2_000
    content = (
        "entry_time,direction,entry_price,comment\n"
        + "\n".join(rows)
        + "\n2024-01-02,short,1.2,Grüße\n"
    )
    (tmp_path / "a.csv").write_bytes(content.encode("cp1252"))
    rows, *_ = load_trades(tmp_path / "a.csv", "auto")
    assert rows["comment"].iloc[-1] == "Grüße"


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["$1,250.50", "($12.50)", "3"], [1250.5, -12.5, 3]),
        (["1.250,5", "2.000", "1,1005"], [1250.5, 2000, 1.1005]),
        (["1 250,50 €", "-3,5 €"], [1250.5, -3.5]),
        (["1\u00a0250.5", "1'250.5", "1\u202f250"], [1250.5, 1250.5, 1250]),
        (["1,234,567", "\u22122"], [1_234_567, -2]),
        (["1,250", "2,350"], [np.nan, np.nan]),  # a thousand, or one and a quarter: not guessed
        (["1,1005", "1.1005"], [1.1005, np.nan]),  # two signs
        (["13.8 Lots", "", "-"], [np.nan] * 3),
    ],
)
def test_numbers_of_any_writing(cells: list[str], numbers: list[float]):
    np.testing.assert_array_equal(as_numbers(pd.Series(cells)), numbers)


def test_prices_that_could_be_thousands_are_asked(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text(
        'time,open,high,low,close\n2024-01-15 10:00,"1,100","1,101","1,099","1,100"\n'
        '2024-01-15 11:00,"1,100","1,101","1,099","1,100"\n'
    )
    with pytest.raises(DataError, match=r"is '1,100' in row 1, .*is its comma a decimal sign"):
        read_quotes(path)
    more = {"1,100": "1,1005", "1,101": "1,1010", "1,099": "1,0990"}
    text = path.read_text()
    for unclear, clear in more.items():
        text = text.replace(f'"{unclear}"', f'"{clear}"')
    path.write_text(text)
    assert read_quotes(path).sides["unknown"][0].tolist() == [1.1005, 1.101, 1.099, 1.1005]


def test_thousands_in_a_file_with_decimal_points_are_no_decimals(tmp_path: Path):
    rows = "2024-01-15 10:00\t2300.5\t2301.5\t2299.5\t2300.0\t1,250\n"
    (tmp_path / "a.csv").write_text(
        "time\topen\thigh\tlow\tclose\tvolume\n" + rows + rows.replace("10:", "11:")
    )
    assert read_quotes(tmp_path / "a.csv").sides["unknown"][0, 0] == 2300.5


@pytest.mark.parametrize(
    ("sign", "cells", "numbers"),
    [
        (";", ["2.350,50", "2.351,5", "2.350", "2.350,5"], [2350.5, 2351.5, 2350.0, 2350.5]),
        (";", ["2.350", "2.351", "2.349", "2.350"], [2.350, 2.351, 2.349, 2.350]),
        (";", ["150,123", "150,200", "150,100", "150,150"], [150.123, 150.2, 150.1, 150.15]),
        ("\t", ["2,350.5", "2,351.5", "2,350.0", "2,350.5"], [2350.5, 2351.5, 2350.0, 2350.5]),
        ("\t", ["38,123", "38,200", "38,100", "38,150"], None),
    ],
)
def test_what_the_cells_show_decides_which_sign_is_which(
    tmp_path: Path, sign: str, cells: list[str], numbers: list[float] | None
):
    rows = [["2024-01-15 10:00", *cells, "1"], ["2024-01-15 11:00", *cells, "1"]]
    lines = [["time", "open", "high", "low", "close", "volume"], *rows]
    (tmp_path / "a.csv").write_text("".join(sign.join(line) + "\n" for line in lines))
    if numbers is None:
        with pytest.raises(DataError, match="is its comma a decimal sign"):
            read_quotes(tmp_path / "a.csv")
        return
    assert read_quotes(tmp_path / "a.csv").sides["unknown"][1].tolist() == numbers


def test_thousands_of_a_file_with_a_decimal_comma_are_no_decimals(tmp_path: Path):
    text = bars_in("German", ",").replace(";9\n", ";1.250\n")
    (tmp_path / "a.csv").write_text(text)
    assert read_quotes(tmp_path / "a.csv").table["Volumen"].tolist() == [1250] * 3


def test_ticks_are_stamped_at_no_end_of_a_bar(tmp_path: Path):
    (tmp_path / "a.csv").write_text(
        "time,bid,ask\n2024-01-15 10:00,1.1,1.2\n2024-01-15 10:02,1.1,1.2\n"
    )
    with pytest.raises(DataError, match="got close, expected auto, since these are ticks"):
        read_quotes(tmp_path / "a.csv", BarReading(stamps="close"))


def test_words_of_no_language_stay_as_they_are():
    assert [plain(name) for name in ("<Open>", "Zeit.1", "Объём", "S / L", "rsi_14")] == [
        "open", "time1", "volume", "sl", "rsi14",
    ]  # fmt: skip


def test_a_users_column_that_is_a_word_of_another_language_is_not_taken_for_a_price(tmp_path: Path):
    table = bar_table(rows=50)
    path = write_bars(tmp_path, table.assign(max=9.9, min=0.1, bas=7.0, data="x", art="y"))
    quotes = read_quotes(path)
    np.testing.assert_array_equal(quotes.sides["unknown"], table[["open", "high", "low", "close"]])
    assert {"max", "min", "bas"} <= set(quotes.table)


def test_the_history_of_an_mql5_signal(tmp_path: Path):
    """Semicolons, two columns each of time and price; only layouts that others describe."""
    (tmp_path / "a.csv").write_text(
        "Time;Type;Volume;Symbol;Price;S/L;T/P;Time;Price;Commission;Swap;Profit;Comment\n"
        "2024.01.15 10:00:00;Buy;0.10;EURUSD;1.1010;;;2024.01.15 11:00:00;1.1025;0.00;0.00;15.00;\n"
        "2024.01.15 11:30:00;Balance;;;;;;;;;;1 000.00;\n"
        "2024.01.15 12:00:00;Sell;0.10;EURUSD;1.1020;;;2024.01.15 13:00:00;1.1030;0.00;0.00;-10.00;\n"
    )
    rows, *_ = load_trades(tmp_path / "a.csv", "auto")
    assert rows["direction"].tolist() == [1, 0, -1]
    assert rows["exit_price"].dropna().tolist() == [1.1025, 1.103]


# --- stamps


def test_bars_stamped_at_their_close_are_moved_to_their_open_and_it_is_said(tmp_path: Path):
    table = bar_table(rows=200).drop(index=range(40, 50))  # a gap does not matter
    path = write_bars(tmp_path, table.assign(time=table["time"] + pd.Timedelta(minutes=15)))
    opens = table["time"].dt.tz_localize(None).to_numpy()
    bars = load_bars(path, BarReading(stamps="close"), price_side="mid")
    np.testing.assert_array_equal(bars.times, opens)
    assert "stamped at the close: moved to the open, 15 min earlier" in bars.remarks
    for stamps in ("auto", "open"):
        same = load_bars(path, BarReading(stamps=stamps), price_side="mid")
        assert same.times[0] == opens[0] + np.timedelta64(15, "m")


def test_the_user_has_the_last_word_on_the_formats_stamps(tmp_path: Path):
    """NinjaTrader's minutes are stamped at their end; made from documentation."""
    path = tmp_path / "ES.Last.txt"
    path.write_text("".join(f"20240115 10{m:02}00;4700;4701;4699;4700;5\n" for m in range(1, 9)))
    assert str(read_quotes(path).times[0])[:16] == "2024-01-15T10:00"
    assert str(read_quotes(path, BarReading(stamps="open")).times[0])[:16] == "2024-01-15T10:01"
    assert str(read_quotes(path, BarReading(stamps="close")).times[0])[:16] == "2024-01-15T10:00"


def test_bars_of_no_one_length_have_no_known_open(tmp_path: Path):
    table = bar_table(rows=40)
    table["time"] += pd.to_timedelta(np.arange(40) ** 2, unit="min")
    path = write_bars(tmp_path, table)
    with pytest.raises(DataError, match=r"whose length is not known.*data\.stamps: open"):
        read_quotes(path, BarReading(stamps="close"))


def test_an_experiment_reads_stamps_and_columns(tmp_path: Path):
    table = bar_table()
    renamed = table.rename(columns={"time": "End", "open": "First", "close": "Last"})
    bars = write_bars(tmp_path, renamed.assign(End=table["time"] + pd.Timedelta(minutes=15)))
    told = ("data.stamps=close", "data.columns={time: End, open: First, close: Last}")
    dataset = load_dataset(experiment(tmp_path, *told, bars=bars))
    plainly = load_dataset(
        experiment(tmp_path, bars=write_bars(tmp_path, table, "eurusd_plain.csv"))
    )
    np.testing.assert_array_equal(dataset.times, plainly.times)
    assert dataset.fingerprint["bars"] == plainly.fingerprint["bars"]
    with pytest.raises(Exception, match="stamps"):
        experiment(tmp_path, "data.stamps=end", bars=bars)


# --- names


def test_columns_of_bars_are_named_by_the_user_and_a_file_is_told_how(tmp_path: Path, capsys):
    table = bar_table(rows=200)
    theirs = {"time": "When", "open": "P1", "high": "P2", "low": "P3", "close": "P4"}
    path = write_bars(tmp_path, table.rename(columns=theirs))
    with pytest.raises(DataError) as caught:
        read_quotes(path)
    said = str(caught.value)
    assert "set data.columns to {time: ?, open: ?, high: ?, low: ?, close: ?}" in said
    assert "(found: When, P1, P2, P3, P4)" in said
    assert "\n" not in said
    np.testing.assert_array_equal(
        read_quotes(path, BarReading(columns=theirs)).sides["unknown"],
        table[["open", "high", "low", "close"]],
    )
    pairs = [word for ours, own in theirs.items() for word in ("--column", f"{ours}={own}")]
    assert main(["data", "inspect", str(path), *pairs, "--stamps", "close", "--json"]) == 0
    assert '"rows": 200' in capsys.readouterr().out
    with pytest.raises(
        DataError, match=r"close is said to be 'P5', and the file has no such column"
    ):
        read_quotes(path, BarReading(columns={**theirs, "close": "P5"}))


def test_one_side_and_its_columns_may_be_named(tmp_path: Path):
    table = bar_table(rows=50)
    names = {f"bid_{field}": f"B {field}" for field in ("open", "high", "low", "close")}
    columns = {own: table[ours.removeprefix("bid_")] for ours, own in names.items()}
    path = write_bars(tmp_path, pd.DataFrame({"time": table["time"], **columns}))
    assert list(read_quotes(path, BarReading(columns=names)).sides) == ["bid"]


def test_a_column_that_the_user_names_stands_in_for_the_files_own(tmp_path: Path):
    table = bar_table(rows=50)
    adjusted = table.assign(close=0.0, **{"Adj": table["close"]})
    path = write_bars(tmp_path, adjusted)
    np.testing.assert_array_equal(
        read_quotes(path, BarReading(columns={"close": "Adj"})).sides["unknown"][:, 3],
        table["close"],
    )


def test_one_mapping_serves_bars_and_lists(tmp_path: Path):
    names = {"time": "When", "entry_time": "In", "direction": "Way"}
    table = bar_table(rows=50)
    path = write_bars(tmp_path, table.rename(columns={"time": "When"}))
    assert len(read_quotes(path, BarReading(columns=names)).times) == 50
    trades = pd.DataFrame({"In": ["2022-01-03 10:00"], "Way": ["long"], "price": [1.1]})
    trades.to_csv(tmp_path / "list.csv", index=False)
    rows, *_ = load_trades(tmp_path / "list.csv", Reading(columns=names))
    assert rows["direction"].tolist() == [1]


def test_the_config_describes_the_setting():
    path = Path(__file__).parents[3] / "experiments" / "v2_exit_guards.yaml"
    assert load_experiment(path, ["data.stamps=close"]).data.stamps == "close"
