"""`python -m jaxexit.ceiling`: see `jaxexit.commands.ceiling`."""

from jaxexit.commands.ceiling import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
