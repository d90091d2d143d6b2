"""The Python API; commands of the command line call the same functions."""
