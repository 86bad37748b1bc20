"""Tell: render what was computed, compute nothing."""
