"""One measurement: protect, attack, count, and the record of it."""
