"""The table of a study in every form."""
