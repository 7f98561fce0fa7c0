"""`python -m jaxexit.export`: see `jaxexit.commands.export`."""

from jaxexit.commands.export import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
