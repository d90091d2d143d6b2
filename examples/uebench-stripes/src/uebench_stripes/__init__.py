"""Stripes that protect, and a filter that removes them."""
