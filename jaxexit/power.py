"""`python -m jaxexit.power`: see `jaxexit.commands.power`."""

from jaxexit.commands.power import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
