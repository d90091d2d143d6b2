"""Figures and tables of finished records. Opens without torch."""
