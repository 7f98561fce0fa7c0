"""`python -m jaxexit.init`: see `jaxexit.commands.init`."""

from jaxexit.commands.init import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
