"""A policy that uses every action, in jaxexit's own backtest."""

import pytest

from tests.adapters.played import Played, played
from tests.support import tiny


@pytest.fixture(scope="session")
def free(trained: tiny.Trained) -> Played:
    """In a market without spread, orders filled at the next open."""
    return played(trained)
