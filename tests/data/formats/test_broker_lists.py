"""Lists of trades and executions of brokers and platforms, made from documentation and described layouts."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxexit.data.trades import Reading, load_trades
from jaxexit.errors import DataError
from tests.data.formats.test_trade_reports import html

COLUMNS = ["entry_time", "direction", "entry_price", "exit_time", "exit_price"]
TWO = [  # in UTC: a long that won, a short that lost
    ["2024-01-16 15:30:01", 1, 1.1010, "2024-01-16 16:45:00", 1.1025],
    ["2024-01-17 09:30:00", -1, 1.1020, "2024-01-18 10:45:00", 1.1030],
]


def told(path: Path, content: str | bytes, reading: Reading | str = "auto") -> list[list[Any]]:
    """What a list says, a row a trade; `REMARKS` has what was remarked."""
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    rows, remarks, *_ = load_trades(path, reading)
    REMARKS[:] = remarks
    found = rows[COLUMNS].astype(object)
    found["entry_price"] = np.round(rows["entry_price"].to_numpy(float), 6)
    for name in ("entry_time", "exit_time"):
        found[name] = [
            "" if pd.isna(at) else f"{pd.Timestamp(at).floor('s'):%Y-%m-%d %H:%M:%S}"
            for at in rows[name]
        ]
    return found.to_numpy().tolist()


REMARKS: list[str] = []


def refusal(path: Path, content: str) -> str:
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        load_trades(path, "auto")
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- NinjaTrader

NINJA = (
    "Trade number,Instrument,Account,Strategy,Market pos.,Qty,Entry price,Exit price,Entry time,Exit time,"
    "Profit,"
)
NINJA_US = f"""{NINJA}
1,6E 03-24,Sim101,,Long,1,1.1010,1.1025,1/16/2024 3:30:01 PM,1/16/2024 4:45:00 PM,$187.50,
2,6E 03-24,Sim101,,Short,1,1.1020,1.1030,1/17/2024 9:30:00 AM,1/18/2024 10:45:00 AM,($125.00),
"""
NINJA_EU = (
    NINJA.replace(",", ";")
    + """
1;6E 03-24;Sim101;;Long;1;1,1010;1,1025;16.01.2024 15:30:01;16.01.2024 16:45:00;187,50 $;
2;6E 03-24;Sim101;;Short;1;1,1020;1,1030;17.01.2024 09:30:00;18.01.2024 10:45:00;-1 125,00 $;
"""
)
NINJA_PT = """Núm. Neg.;Ativo;Conta;Estratégia;Pos mercado.;Qtd;Preço entrada;Preço saída;\
Hora entrada;Hora saída;
1;6E 03-24;Sim101;;Comprada;1;1,1010;1,1025;16/01/2024 15:30:01;16/01/2024 16:45:00;
2;6E 03-24;Sim101;;Vendida;1;1,1020;1,1030;17/01/2024 09:30:00;18/01/2024 10:45:00;
"""


@pytest.mark.parametrize("content", [NINJA_US, NINJA_EU, NINJA_PT], ids=["US", "EU", "PT"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_ninjatraders_trades(tmp_path: Path, content: str, encoding: str):
    """Only documentation, and headers that others describe."""
    assert told(tmp_path / "a.csv", content.encode(encoding)) == TWO


def test_ninjatraders_times_are_of_the_clock_that_the_user_names(tmp_path: Path):
    (first, _) = told(tmp_path / "a.csv", NINJA_US, "America/Chicago")
    assert first[0] == "2024-01-16 21:30:01"


def test_a_trade_that_ninjatrader_lists_in_pieces_is_one(tmp_path: Path):
    piece = "3,6E 03-24,Sim101,,Long,1,1.1010,1.1000,1/16/2024 3:30:01 PM,1/16/2024 3:45:00 PM,($125.00),\n"
    assert told(tmp_path / "a.csv", NINJA_US + piece) == TWO
    assert any("2 rows are pieces of 1 trades" in remark for remark in REMARKS)


FILLS = """Instrument,Action,Quantity,Price,Time,ID,E/X,Position,Order ID,Name,Commission,Rate,\
Account,Connection,
6E 03-24,Sell,2,1.0990,1/15/2024 1:00:00 PM,a,Exit,-,o1,X,$0.00,1,Sim101,Sim,
6E 03-24,Buy,1,1.1009,1/16/2024 3:30:01 PM,b,Entry,1 L,o2,E,$0.00,1,Sim101,Sim,
6E 03-24,Buy,1,1.1011,1/16/2024 3:30:01 PM,c,Entry,2 L,o2,E,$0.00,1,Sim101,Sim,
6E 03-24,Sell,1,1.1000,1/16/2024 4:00:00 PM,d,Exit,1 L,o3,X,$0.00,1,Sim101,Sim,
6E 03-24,Sell,1,1.1025,1/16/2024 4:45:00 PM,e,Exit,-,o4,X,$0.00,1,Sim101,Sim,
6E 03-24,Sell,1,1.1020,1/17/2024 9:30:00 AM,f,Entry,1 S,o5,E,$0.00,1,Sim101,Sim,
6E 03-24,Buy,1,1.1030,1/18/2024 10:45:00 AM,g,Exit,-,o6,X,$0.00,1,Sim101,Sim,
6E 03-24,Buy,1,1.1040,1/19/2024 10:45:00 AM,h,Entry,1 L,o7,E,$0.00,1,Sim101,Sim,
"""


def test_ninjatraders_executions_are_paired(tmp_path: Path):
    """Fills of one order are one; what was open before, and what is open still, are no finished trades."""
    open_still = ["2024-01-19 10:45:00", 1, 1.1040, "", np.nan]
    *finished, last = told(tmp_path / "a.csv", FILLS)
    assert finished == TWO
    assert last[:4] == open_still[:4]
    assert REMARKS[:3] == [
        "8 executions made 3 trades, first in, first out",
        "1 trades were closed in parts: the last exit counts",
        "1 exits of positions from before the file (6E 03-24) left out",
    ]
    header, *rows = FILLS.splitlines()
    assert (
        told(tmp_path / "b.csv", "\n".join([header, *rows[::-1]]))[:2] == finished
    )  # newest first


def test_executions_that_cannot_be_paired_are_one_line(tmp_path: Path):
    assert "is a Buy or Sell" in refusal(tmp_path / "a.csv", FILLS.replace("Entry", "Entrée"))
    header, first, *_ = FILLS.splitlines()
    assert "no execution opens a position" in refusal(tmp_path / "a.csv", f"{header}\n{first}\n")


# --- cTrader

CTRADER = """Deals
Deal ID,Symbol,Opening Direction,Closing Direction,Opening time (UTC+3),Closing Time (UTC+3),Entry price,\
Closing price,Net USD,Balance USD
DID1,EURUSD,Buy,Sell,16 Jan 2024 18:30:01.342,16 Jan 2024 19:45:00.488,1.1010,1.1025,1 075.00,11 719.75
DID2,EURUSD,Sell,Buy,17 Jan 2024 12:30:00.000,18 Jan 2024 13:45:00.000,1.1020,1.1030,-50.40,48 921.88
,,,,,,,,1 024.60,

Positions
Created (UTC+3),Symbol,Quantity,Direction,Entry,TP,SL,Net USD
20 Jan 2024 09:34:21,GBPUSD,1 Lots,Buy,1.2,1.3,1.1,0
"""
SLASHES = """ID;Symbol;Opening direction;Opening time (UTC+0);Closing time (UTC+0);Entry price;\
Closing price;Net €
1;EURUSD;Buy;16/01/2024 15:30:01.100;16/01/2024 16:45:00.200;1,1010;1,1025;75,00
2;EURUSD;Sell;17/01/2024 09:30:00.000;18/01/2024 10:45:00.000;1,1020;1,1030;-50,00
"""


def cells(text: str, sign: str) -> list[list[str]]:
    return [line.split(sign) for line in text.splitlines()]


def padded(rows: list[list[str]]) -> list[list[str]]:
    width = max(map(len, rows))
    return [[*row, *[""] * (width - len(row))] for row in rows]


@pytest.mark.parametrize("kind", ["CSV", "semicolons", "HTML", "Excel"])
def test_ctraders_history(tmp_path: Path, kind: str):
    """Only documentation, and headers that others describe. The header names the zone."""
    path = tmp_path / "statement"
    content: str | bytes = SLASHES if kind == "semicolons" else CTRADER
    if kind == "HTML":
        content = html(*("|".join(row) for row in cells(CTRADER, ",")))
    if kind == "Excel":
        path = tmp_path / "statement.xlsx"
        pd.DataFrame(padded(cells(CTRADER, ","))).to_excel(path, header=False, index=False)
        content = path.read_bytes()
    assert told(path, content) == TWO


def test_ctraders_slashed_dates_are_day_first(tmp_path: Path):
    early = SLASHES.replace("16/01", "05/01").replace("17/01", "06/01").replace("18/01", "07/01")
    assert told(tmp_path / "a.csv", early)[0][0] == "2024-01-05 15:30:01"


def test_a_ctrader_history_without_opening_times_is_one_line(tmp_path: Path):
    said = refusal(tmp_path / "a.csv", SLASHES.replace("Opening time (UTC+0)", "Channel"))
    assert "without 'Opening time': tick that column" in said


# --- Myfxbook

MYFXBOOK = """Tags,Ticket,Open Date,Close Date,Symbol,Action,Units/Lots,SL,TP,Open Price,\
Close Price,Commission,Swap,Pips,Profit,Gain
,1,01/02/2024 09:00,,,Deposit,0.010,0,0,0,0,0,0,0.0,1000.00,0
,2,01/16/2024 15:30,01/16/2024 16:45,EURUSD,Buy,0.10,1.1000,0,1.10100,1.10250,-0.7,-0.3,15.0,14.00,0.1
,3,01/17/2024 09:30,01/18/2024 10:45,EURUSD,Sell,0.10,0,1.1000,1.10200,1.10300,-0.7,-0.3,-10.0,-11.00,-0.1
,4,01/17/2024 09:30,01/18/2024 10:45,EURUSD,Buy Limit,0.10,0,0,1.10200,1.10300,0,0,0,0,0
Open Trades
,Ticket,Open Date,Symbol,Action,Units/Lots
,5,01/19/2024 10:00,EURUSD,Buy,0.1
"""


def test_myfxbooks_history(tmp_path: Path):
    """Only documentation, and files that others describe. Months first; SL is the last stop."""
    found = told(tmp_path / "a.csv", MYFXBOOK)
    assert [row[0][:16] for row in found] == ["2024-01-16 15:30", *["2024-01-17 09:30"] * 2]
    assert [row[1] for row in found] == [1, -1, 0]
    assert [row[2] for row in found[:2]] == [1.101, 1.102]
    assert [row[4] for row in found[:2]] == [1.1025, 1.103]
    assert any("'SL' of such a report is each trade's last stop" in remark for remark in REMARKS)
    rows, *_ = load_trades(tmp_path / "a.csv", "auto")
    np.testing.assert_array_equal(rows["stop"], [1.1, np.nan, np.nan])
    rows, *_ = load_trades(tmp_path / "a.csv", Reading("auto", stops="ignore"))
    assert np.isnan(rows["stop"].to_numpy(float)).all()


def test_myfxbooks_dates_are_month_first_though_all_could_be_days(tmp_path: Path):
    early = MYFXBOOK.replace("01/16", "01/03").replace("01/17", "01/04").replace("01/18", "01/05")
    assert told(tmp_path / "a.csv", early)[0][0] == "2024-01-03 15:30:00"


# --- Interactive Brokers

HEADER = (
    "Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,T. Price,C. Price,"
    "Proceeds,Comm/Fee,Basis,Realized P/L,MTM P/L,Code"
)


def statement(*trades: tuple[str, str, str, float, str], category: str = "Stocks") -> str:
    rows = [
        f'Trades,Data,Order,{category},USD,{symbol},"{time}","{size}",{price},1,1,-1,1,0,0,{code}'
        for symbol, time, size, price, code in trades
    ]
    return "\n".join(
        [
            "Statement,Header,Field Name,Field Value",
            "Statement,Data,Title,Activity Statement",
            'Statement,Data,Period,"January 1, 2024 - January 31, 2024"',
            HEADER,
            *rows,
            f"Trades,SubTotal,,{category},USD,X,,0,,,1,-1,1,0,0,",
            "Trades,Total,,,USD,,,,,,1,-1,1,0,0,",
            "Interest,Header,Currency,Date,Description,Amount",
            "Interest,Data,USD,2024-01-31,Credit,1.00",
        ]
    )


PAIRS = (
    ("ABC", "2024-01-16, 10:30:01", "1,050", 1.1010, "O"),
    ("ABC", "2024-01-16, 11:45:00", "-1,050", 1.1025, "C;P"),
    ("ABC", "2024-01-17, 04:30:00", "-50", 1.1020, "O"),
    ("ABC", "2024-01-18, 05:45:00", "50", 1.1030, "C"),
)


def test_ibkrs_activity_statement(tmp_path: Path):
    """Only documentation, and statements that others describe. Times are New York's."""
    assert told(tmp_path / "a.csv", statement(*PAIRS)) == TWO


def test_an_order_that_turns_a_position_round_closes_one_trade_and_opens_the_next(tmp_path: Path):
    rows = (PAIRS[0], ("ABC", "2024-01-17, 04:30:00", "-1,100", 1.1020, "C;O"), PAIRS[3])
    first, second = told(tmp_path / "a.csv", statement(*rows))
    assert first[3:] == ["2024-01-17 09:30:00", 1.1020]
    assert second == TWO[1]
    said = refusal(tmp_path / "a.csv", statement(*rows[1:]))
    assert "turned a position round that was not opened in this file" in said


def test_what_was_open_before_the_file_is_closed_first_and_left_out(tmp_path: Path):
    """First in, first out: the older 100 leave before what the file opens."""
    rows = (
        PAIRS[0],
        ("ABC", "2024-01-16, 11:00:00", "-100", 1.2, "C"),
        ("ABC", "2024-01-16, 11:45:00", "-1,050", 1.1025, "C"),
        *PAIRS[2:],
        ("XYZ", "2024-01-19, 11:00:00", "-7", 9.0, "C"),
    )
    reading = Reading(symbol="ABC")
    assert told(tmp_path / "a.csv", statement(*rows), reading) == TWO
    assert any(
        "2 exits of positions from before the file (ABC, XYZ) left out" in r for r in REMARKS
    )
    assert "set data.symbol" in refusal(
        tmp_path / "a.csv", statement(*PAIRS, ("XYZ", *PAIRS[0][1:]))
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (statement(*[(*row[:4], "") for row in PAIRS], category="Forex"), "holds currencies as cash"),
        (statement(*[(*row[:4], "P") for row in PAIRS]), "whether it opens or closes"),
        (statement(*PAIRS, ("ABC", "2024-01-19, 10:00:00", "5", 1.1, "P")), "1 of 5 executions do not say"),
        (statement(*[(row[0], row[1][:10], *row[2:]) for row in PAIRS]), "without a time of day"),
        (statement(*PAIRS, ("ABC", "2024-01-19, 10:00:00", "5", 1.1, "Ca;O")), "1 executions are cancelled"),
        (statement(), "without trades"),
        (statement(*PAIRS).replace("Quantity", "Anzahl"), "have no quantity"),
    ],
)  # fmt: skip
def test_a_statement_that_cannot_be_paired_is_one_line(tmp_path: Path, content: str, words: str):
    assert words in refusal(tmp_path / "a.csv", content)


def flex(tag: str, *trades: dict[str, str]) -> str:
    cells = (" ".join(f'{name}="{value}"' for name, value in row.items()) for row in trades)
    rows = [f"<{tag} {each} />" for each in cells]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<FlexQueryResponse queryName="q" type="AF">'
        f'<FlexStatements count="1"><FlexStatement accountId="U1"><Trades>{"".join(rows)}</Trades>'
        "</FlexStatement></FlexStatements></FlexQueryResponse>"
    )


def execution(time: str, size: str, price: float, code: str, **more: str) -> dict[str, str]:
    return {
        "accountId": "U1", "assetCategory": "STK", "symbol": "ABC", "dateTime": time, "quantity": size,
        "tradePrice": str(price), "buySell": "SELL" if size.startswith("-") else "BUY",
        "openCloseIndicator": code, "levelOfDetail": "EXECUTION", **more,
    }  # fmt: skip


EXECUTIONS = [
    execution("20240116;103001", "60", 1.1010, "O", ibOrderID="1"),
    execution("20240116;103002", "40", 1.1010, "O", ibOrderID="1"),
    execution("20240116;114500", "-100", 1.1025, "C", ibOrderID="2"),
    execution("20240117;043000", "-50", 1.1020, "O", ibOrderID="3"),
    execution("20240118;054500", "50", 1.1030, "C", ibOrderID="4"),
]


def without(name: str) -> list[dict[str, str]]:
    return [{key: value for key, value in row.items() if key != name} for row in EXECUTIONS]


@pytest.mark.parametrize("kind", ["XML", "CSV", "CSV in sections"])
def test_ibkrs_flex_query(tmp_path: Path, kind: str):
    """Only documentation, and queries that others describe: executions, as XML and as CSV."""
    order = {
        **EXECUTIONS[0],
        "levelOfDetail": "ORDER",
        "quantity": "100",
    }  # not to be counted twice
    rows = [*EXECUTIONS, order]
    content = flex("Trade", *rows)
    if kind != "XML":
        table = pd.DataFrame(rows)
        names = {"buySell": "Buy/Sell", "openCloseIndicator": "Open/CloseIndicator", "ibOrderID": "IBOrderID",
                 "accountId": "ClientAccountID", "assetCategory": "AssetClass"}  # fmt: skip
        names = {name: names.get(name, name[0].upper() + name[1:]) for name in table}
        content = table.rename(columns=names).to_csv(index=False)
    if kind == "CSV in sections":
        head, *lines = content.splitlines()
        body = [f"DATA,TRNT,{line}" for line in lines]
        content = "\n".join(
            ["BOF,U1,q,1", f"HEADER,TRNT,{head}", *body, "EOS,TRNT,6", "EOF,U1,q,1"]
        )
    found = told(tmp_path / "a", content)
    assert found == TWO


def test_ibkrs_closed_lots_have_no_price_of_the_exit(tmp_path: Path):
    """Only described by others: `tradePrice` is the opening's, `buySell` the closing's."""
    lots = [
        {"symbol": "ABC", "openDateTime": "20240116;103001", "dateTime": "20240116;114500", "quantity": "100",
         "tradePrice": "1.1010", "buySell": "SELL", "levelOfDetail": "CLOSED_LOT"},
        {"symbol": "ABC", "openDateTime": "20240117;043000", "dateTime": "20240118;054500", "quantity": "-50",
         "tradePrice": "1.1020", "buySell": "BUY", "levelOfDetail": "CLOSED_LOT"},
    ]  # fmt: skip
    found = told(tmp_path / "a.xml", flex("Lot", *lots))
    assert [row[:4] for row in found] == [row[:4] for row in TWO]
    assert any("the price of the exit is not in the file" in remark for remark in REMARKS)
    for row in lots:
        del row["openDateTime"]
    assert "without Open Date Time" in refusal(tmp_path / "a.xml", flex("Lot", *lots))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (flex("OpenPosition", EXECUTIONS[0]), "has no trades"),
        (flex("Trade", *without("tradePrice")), "TradePrice"),
        (
            flex("Trade", *without("openCloseIndicator")),
            "add Open/Close Indicator to the query",
        ),
        ('<?xml version="1.0"?>\n<Workbook><a b="c"/></Workbook>', "XML, but not IBKR's Flex query"),
    ],
)  # fmt: skip
def test_a_flex_query_that_cannot_be_used_is_one_line(tmp_path: Path, content: str, words: str):
    assert words in refusal(tmp_path / "a.xml", content)
