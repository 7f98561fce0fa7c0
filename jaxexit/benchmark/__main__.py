"""`python -m jaxexit.benchmark`: see `jaxexit.commands.benchmark`."""

from jaxexit.commands.benchmark import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
