"""How fast the program is on the machine at hand, in ratios taken in one run."""
