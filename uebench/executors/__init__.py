"""Executors, which compute the tasks of a plan in this process, in several, or on a cluster."""
