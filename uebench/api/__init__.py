"""What a program or a notebook calls; the command line is a thin wrapper over it."""
