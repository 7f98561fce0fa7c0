"""Trained policies out of the laboratory: exported for other programs, and advising on bars as they close."""
