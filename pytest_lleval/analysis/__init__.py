"""Judge the numbers: pure functions over records."""
