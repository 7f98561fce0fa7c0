"""`python -m jaxexit.data`: see `jaxexit.commands.data`."""

from jaxexit.commands.data import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
