"""Protected sets made by other code: reading them, matching them with the photographs, and running them as a method."""
