"""Weights from files: of methods, and of face embeddings."""
