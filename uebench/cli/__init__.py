"""The command line: one file per command, each a thin wrapper over one public function."""
