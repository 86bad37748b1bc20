"""Who runs it where; imported only when xdist is at work."""
