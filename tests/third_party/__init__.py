"""Our exits beside those of an engine that others wrote."""
