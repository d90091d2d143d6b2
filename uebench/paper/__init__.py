"""The tables and claims of the Segue paper as data, filled from records; works without torch."""
