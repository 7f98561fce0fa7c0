"""Trade lists that are no tables; made from the public documentation and layouts of the tools."""

import json
from pathlib import Path

import pandas as pd
import pytest

from jaxexit.data.trades import load_trades


def html(*rows: str) -> str:
    cells = ["".join(f"<td>{cell}</td>" for cell in row.split("|")) for row in rows]
    return "<html><table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table></html>"


HIDDEN = '<td class="hidden" colspan="8">chart</td>'
MT4 = html(
    "Closed Transactions:",
    "Ticket|Open Time|Type|Size|Item|Price|S / L|T / P|Close Time|Price|Commission|Taxes|Swap|Profit",
    "1|2022.01.05 10:00|buy|1.00|eurusd|1.1010|1.1000|1.1025|2022.01.05 11:00|1.1025|0|0|0|150",
    "2|2022.01.05 11:30|balance|Deposit|||||||||1 000",
    "3|2022.01.05 12:00|sell|1.00|eurusd|1.1020|1.1030|0.0000|2022.01.05 13:00|1.1030|0|0|0|-100",
)
MT5 = (
    html(
        "Zeit|Position|Symbol|Typ|Volumen|Preis|S / L|T / P|Zeit|Preis|Kommission|Swap|Gewinn",
        "2022.01.05 10:00:00|71|EURUSD|buy|1|1.1010|1.1000|1.1025|2022.01.05 11:00:00|1.1025|0|0|150",
        "2022.01.05 12:00:00|72|EURUSD|sell|1|1.1020|1.1030||2022.01.05 13:00:00|1.1030|0|0|-100",
    )
    .replace("<td>buy</td>", f"<td>buy</td>{HIDDEN}")
    .replace("<td>sell</td>", f"<td>sell</td>{HIDDEN}")
)
MT5_TESTER = html(
    "Orders",
    "2022.01.05 10:00:00|2|EURUSD|buy|1 / 1|1.1010|1.1000|1.1025|2022.01.05 10:00:00|filled|",
    "2022.01.05 12:00:00|4|EURUSD|sell|1 / 1|1.1020|1.1030||2022.01.05 12:00:00|filled|",
    "Deals",
    "2022.01.05 10:00:00|2|EURUSD|buy|in|1|1.1010|2|0|0|0|1000|",
    "2022.01.05 11:00:00|3|EURUSD|sell|out|1|1.1025|3|0|0|150|1150|tp",
    "2022.01.05 12:00:00|4|EURUSD|sell|in|1|1.1020|4|0|0|0|1150|",
    "2022.01.05 13:00:00|5|EURUSD|buy|out|1|1.1030|5|0|0|-100|1050|sl",
)
MT4_TESTER = html(
    "#|Time|Type|Order|Size|Price|S / L|T / P|Profit|Balance",
    "1|2022.01.05 10:00|buy|1|1.00|1.1010|1.1000|1.1025||",
    "2|2022.01.05 10:30|modify|1|1.00|1.1010|1.1005|1.1025||",
    "3|2022.01.05 11:00|t/p|1|1.00|1.1025|1.1005|1.1025|150|1150",
    "4|2022.01.05 12:00|sell|2|1.00|1.1020|1.1030|0.0000||",
    "5|2022.01.05 13:00|s/l|2|1.00|1.1030|1.1030|0.0000|-100|1050",
)
FREQTRADE = json.dumps({"strategy": {"A": {"trades": [
    {"pair": "EUR/USD", "open_date": "2022-01-05 10:00:00+00:00", "close_date": "2022-01-05 11:00:00+00:00",
     "open_rate": 1.101, "close_rate": 1.1025, "initial_stop_loss_abs": 1.1, "is_short": False},
    {"pair": "EUR/USD", "open_date": "2022-01-05 12:00:00+00:00", "close_date": "2022-01-05 13:00:00+00:00",
     "open_rate": 1.102, "close_rate": 1.103, "initial_stop_loss_abs": 1.103, "is_short": True},
]}}})  # fmt: skip
NAUTILUS = """position_id,instrument_id,entry,side,avg_px_open,avg_px_close,ts_opened,ts_closed
P-1,EUR/USD.SIM,BUY,FLAT,1.101,1.1025,2022-01-05 10:00:00+00:00,2022-01-05 11:00:00+00:00
P-2,EUR/USD.SIM,SELL,FLAT,1.102,1.103,2022-01-05 12:00:00+00:00,2022-01-05 13:00:00+00:00
"""
VECTORBT_PRO = """Exit Trade Id,Size,Entry Index,Avg Entry Price,Exit Index,Avg Exit Price,Direction,Status
0,1,2022-01-05 10:00:00,1.101,2022-01-05 11:00:00,1.1025,Long,Closed
1,1,2022-01-05 12:00:00,1.102,2022-01-05 13:00:00,1.103,Short,Closed
"""


@pytest.mark.parametrize(
    ("text", "encoding", "stops"),
    [
        (MT4, "utf-8", True),
        (MT5, "utf-16", True),
        (MT5_TESTER, "utf-16", True),
        (MT4_TESTER, "utf-8", True),
        (FREQTRADE, "utf-8", True),
        (NAUTILUS, "utf-8", False),
        (VECTORBT_PRO, "utf-8", False),
    ],
    ids=[
        "MT4 statement", "MT5 report", "MT5 tester", "MT4 tester", "freqtrade JSON", "NautilusTrader",
        "vectorbt PRO",
    ],
)  # fmt: skip
def test_two_trades_are_read(tmp_path: Path, text: str, encoding: str, stops: bool):
    path = tmp_path / "report"
    path.write_text(text, encoding=encoding)
    rows, *_ = load_trades(path, "auto")
    assert rows["direction"].tolist() == [1, -1]
    assert rows["entry_time"].tolist() == [pd.Timestamp(f"2022-01-05 {h}:00") for h in (10, 12)]
    assert rows["exit_time"].tolist() == [pd.Timestamp(f"2022-01-05 {h}:00") for h in (11, 13)]
    assert rows["entry_price"].tolist() == [1.101, 1.102]
    assert rows["exit_price"].tolist() == [1.1025, 1.103]
    assert rows["stop"].dropna().tolist() == ([1.1, 1.103] if stops else [])


def test_a_reports_server_time_is_read_on_the_clock_that_the_user_names(tmp_path: Path):
    path = tmp_path / "statement.htm"
    path.write_text(MT4)
    rows, *_ = load_trades(path, "America/New_York+7")
    assert rows["entry_time"].iloc[0] == pd.Timestamp("2022-01-05 08:00")
