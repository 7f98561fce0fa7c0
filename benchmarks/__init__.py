"""What `python -m jaxexit.benchmark` compares against. Of a checkout only: no wheel has it."""
