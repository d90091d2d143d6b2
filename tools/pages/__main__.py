"""Writes the pages anew, and draws the pictures whose records changed."""

from __future__ import annotations

from tools.pages import ROOT, pictures
from tools.pages.quotes import PAGES, refreshed

for page in PAGES:
    file = ROOT / page
    file.write_text(refreshed(file.read_text()))
pictures.refresh()
