"""The command-line front end for runs that are over."""
