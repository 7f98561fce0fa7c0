"""`python -m jaxexit.audit`: see `jaxexit.commands.audit`."""

from jaxexit.commands.audit import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
