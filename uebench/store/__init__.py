"""The results folder: records, protected sets, kept models, checkpoints."""
