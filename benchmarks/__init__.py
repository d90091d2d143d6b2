"""The proofs of speed: each compares two ways of doing the same work, timed alternately in one run."""
