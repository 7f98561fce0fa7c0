"""`python -m jaxexit.report`: see `jaxexit.commands.report`."""

from jaxexit.commands.report import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
