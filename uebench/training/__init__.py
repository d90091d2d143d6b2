"""Training loops that attackers and methods share."""
