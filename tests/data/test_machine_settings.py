"""What a file says does not depend on the machine: its time zone, its decimal sign, its paths."""

import locale
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jaxexit.config import load_experiment
from jaxexit.data import load_dataset
from jaxexit.errors import DataError
from tests.data.made import bar_table, write_bars

ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati")
NAIVE = """\
data:
  bars: '{bars}'
  price_side: mid
  warmup: 100
  every: 3
  timezone: {clock}
  split: {{validation_start: 2022-01-13, test_start: '2022-01-15T12:00'}}
env: {{max_bars: 20}}
ppo: {{learning_rate: 3e-4}}
"""


@pytest.fixture
def yaml(tmp_path: Path) -> Path:
    """An experiment on bars whose stamps carry no offset, of a clock with daylight saving."""
    table = bar_table()
    table["time"] = table["time"].dt.tz_localize(None)
    bars = write_bars(tmp_path, table)
    path = tmp_path / "v1_naive.yaml"
    path.write_text(NAIVE.format(bars=bars, clock="Europe/London"))
    return path


def read(yaml: Path) -> dict[str, bytes | str]:
    """All that an experiment's data are, in bytes."""
    dataset = load_dataset(load_experiment(yaml))
    arrays = {
        f"{name}.{field}": np.asarray(value).tobytes()
        for name, record in (("market", dataset.market), *dataset.splits.items())
        for field, value in record._asdict().items()
        if value is not None
    }
    return {
        "times": dataset.times.tobytes(),
        "fingerprint": repr(dataset.fingerprint),
        "summary": repr(dataset.summary),
        **arrays,
    }


@pytest.fixture
def machine_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


def test_the_time_zone_of_the_machine_changes_nothing(yaml: Path, machine_zone: pytest.MonkeyPatch):
    found = []
    for zone in ZONES:
        machine_zone.setenv("TZ", zone)
        time.tzset()
        found.append(read(yaml))
    assert len({time.timezone, 0}) == 2  # it was changed
    assert len(found[0]) > 10
    for other in found[1:]:
        assert other == found[0]


@pytest.fixture
def decimal_comma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """German numbers for the whole process."""
    if shutil.which("localedef") is None:
        pytest.skip("needs localedef, to make a locale with a decimal comma")
    made = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", str(tmp_path / "de_DE.UTF-8")],
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("needs the sources of the German locale")
    monkeypatch.setenv("LOCPATH", str(tmp_path))
    before = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
    yield
    locale.setlocale(locale.LC_ALL, before)


def test_a_locale_with_a_decimal_comma_changes_nothing(yaml: Path, request: pytest.FixtureRequest):
    before = read(yaml)
    request.getfixturevalue("decimal_comma")
    assert locale.str(1.5) == "1,5"
    assert load_experiment(yaml).ppo.learning_rate == 3e-4
    assert read(yaml) == before


def test_a_path_in_the_way_of_windows_is_told_how_to_be_written_here(tmp_path: Path):
    if os.sep != "/":
        pytest.skip("backslashes are right here")
    path = tmp_path / "v1_windows.yaml"
    path.write_text(r"data: {bars: C:\data\eurusd.csv}")
    with pytest.raises(DataError) as caught:
        load_dataset(load_experiment(path))
    message = str(caught.value)
    assert message.startswith(r"C:\data\eurusd.csv: no such file, check the path; write / in place")
