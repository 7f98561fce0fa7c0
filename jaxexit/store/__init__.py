"""The store of runs: folders, checkpoints, registry; nothing here imports `lab`."""
