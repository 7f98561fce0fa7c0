"""jaxexit: learn when to exit a trade, honestly and fast."""

__version__ = "0.1.0"
