"""`python -m jaxexit.diagnose`: see `jaxexit.commands.diagnose`."""

from jaxexit.commands.diagnose import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
