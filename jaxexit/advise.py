"""`python -m jaxexit.advise`: see `jaxexit.commands.advise`."""

from jaxexit.commands.advise import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
