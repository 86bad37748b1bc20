"""Leaves: no knowledge of evaluations, imported by everything above."""
