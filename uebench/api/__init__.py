"""The Python API; the command line is a thin wrapper over it."""
