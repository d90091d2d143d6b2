"""Attackers and countermeasures; the registry finds them by reading the source."""
