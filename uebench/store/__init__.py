"""The results folder: records, protected sets, checkpoints."""
