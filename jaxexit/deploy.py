"""`python -m jaxexit.deploy`: see `jaxexit.commands.deploy`."""

from jaxexit.commands.deploy import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
