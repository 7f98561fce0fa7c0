"""`python -m jaxexit.train`: see `jaxexit.commands.train`."""

from jaxexit.commands.train import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
