"""Arrangements that plant one fault each, and their clean twins: see ``trust.py``."""
