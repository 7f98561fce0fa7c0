"""The table of sizes: one size varied at a time, and what has no room is left out and said."""

from pathlib import Path

import pytest

from jaxexit.benchmark import scale, words


def test_one_size_is_varied_at_a_time() -> None:
    for name, cell in scale.cells():
        assert {key for key in cell if cell[key] != scale.BASE[key]} <= {name}


def test_a_market_that_has_no_room_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = {**scale.BASE, "bars": 10_000_000}
    monkeypatch.setattr(scale, "memory_available", lambda: 4_000_000_000)
    said = scale.too_large(cell)
    assert said is not None
    assert "needs about 10 GB, 4 GB are free" in said
    assert scale.too_large(scale.BASE) is None


def test_the_largest_market_fits_a_timestamp() -> None:
    """Bars of a quarter of an hour would reach beyond the year 2262."""
    years = max(scale.SIZES["bars"]) * scale.MINUTES / (60 * 24 * 365 * 5 / 7)
    assert years < 200


@pytest.mark.slow
def test_a_cell_is_measured_told_and_drawn(repository: Path, tmp_path: Path) -> None:
    yaml = repository / "experiments" / "v2_exit_guards.yaml"
    record = scale.measure(yaml, device="cpu", say=lambda what: None, sizes={"width": (16, 32)})
    assert [row["width"] for row in record["cells"]] == [16, 32]
    for row in record["cells"]:
        assert row["left_out"] is None
        assert row["steps_per_second"]["median"] > 0
        assert row["process_peak_bytes"] > row["data_bytes"] > 0
    assert len(words.scale(record)) == 3
    scale.draw(record, tmp_path / "scale.png")
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")
