"""Who computes the tasks of a plan: this process, several processes."""
