"""A ceiling for a market: simulators fitted to its bars, and what no exit can earn more than on them."""
