"""``python -m tests.soak``: kills, damage and company for a results folder, for minutes or hours."""
