"""Files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

TEMPORARY = ".new-"
"""How the names of files begin that are not yet in their place."""


def publish(path: Path, content: bytes, *, to_disk: bool = True) -> None:
    """Put a file in its place at once: a reader sees what was there before, or all of ``content``.

    Args:
        path: Where; its folder is made.
        content: All of it.
        to_disk: Wait until the disk has it, so that it outlives a power cut.

    Raises:
        OSError: If it cannot be written; what was there before still is, and nothing else.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=TEMPORARY, delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.flush()
            if to_disk:
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
