"""What several tests share: the plain reference simulator and the nasty markets."""
