"""`python -m jaxexit.distil`: see `jaxexit.commands.distil`."""

from jaxexit.commands.distil import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
