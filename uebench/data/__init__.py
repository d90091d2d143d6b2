"""Data sets: where faces come from, and how they become arrays."""
