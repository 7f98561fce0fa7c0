"""Run folders, checkpoints, registry, tracking: nothing is lost, nothing overwritten."""
