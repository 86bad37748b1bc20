"""Every pytest hook of the package; each delegates in a line."""
