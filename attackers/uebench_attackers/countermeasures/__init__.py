"""One file a countermeasure."""
