"""What the program is measured against, each run in its own way on the same work."""
