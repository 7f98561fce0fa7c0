"""`python -m jaxexit.compare`: see `jaxexit.commands.compare`."""

from jaxexit.commands.compare import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
