"""What several tests share: nasty markets, short charts, tiny trainings."""
