"""What of this machine and installation works: looked at without a network, needing nothing of it.

Nothing of third parties is imported at the top of these modules: a broken installation is what they are for.
"""
