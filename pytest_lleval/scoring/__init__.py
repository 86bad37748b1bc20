"""Is it right: pure functions from a completion to a score."""
