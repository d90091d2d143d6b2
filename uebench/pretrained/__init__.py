"""Weights from files: those of methods, and of networks for face embeddings."""
