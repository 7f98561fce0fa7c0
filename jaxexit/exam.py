"""`python -m jaxexit.exam`: see `jaxexit.commands.exam`."""

from jaxexit.commands.exam import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
