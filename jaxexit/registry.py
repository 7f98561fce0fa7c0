"""`python -m jaxexit.registry`: see `jaxexit.commands.registry`."""

from jaxexit.commands.registry import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
