"""The report: one page that shows every decision of a backtest, and what it cost."""
