"""The exam of few trades: how much of a known optimum is earned after learning from N trades alone."""
