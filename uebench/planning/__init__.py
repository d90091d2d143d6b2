"""From a request to tasks with keys, without torch."""
