"""A trained version inside of backtesters and trading systems: one module a library."""
