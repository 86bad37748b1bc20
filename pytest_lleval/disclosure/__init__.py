"""Say how a number was obtained."""
