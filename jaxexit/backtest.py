"""`python -m jaxexit.backtest`: see `jaxexit.commands.backtest`."""

from jaxexit.commands.backtest import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
