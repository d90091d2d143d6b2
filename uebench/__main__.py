"""``python -m uebench``."""

from uebench.cli.app import main

main()
