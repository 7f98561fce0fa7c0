"""Exams with known answers: how we know that a result is real."""
