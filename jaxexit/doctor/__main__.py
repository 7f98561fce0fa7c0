"""`python -m jaxexit.doctor`: see `jaxexit.commands.doctor`."""

from jaxexit.commands.doctor import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
