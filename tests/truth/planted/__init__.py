"""Positive controls: traps, planted where they once sat, which the exams and audits must catch."""
