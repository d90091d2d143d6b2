"""A single measurement: protect, attack, count, and write the record."""
