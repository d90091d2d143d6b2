"""Perturbation generators, one file each; the registry finds them by reading the source."""
