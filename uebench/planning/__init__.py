"""Turn requests into cells with keys, and cells into tasks, without torch."""
