"""`python -m jaxexit.demo`: see `jaxexit.commands.demo`."""

from jaxexit.commands.demo import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
