"""Translate the files of other tools."""
