"""Countermeasures, one file each."""
