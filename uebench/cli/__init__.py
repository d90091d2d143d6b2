"""The command line: one file per command. A command reads options, calls functions of the package, and prints."""
