"""The plugins of a kind in a table that GitHub shows: what each does, and its paper."""

from __future__ import annotations

from uebench.plugins.registry import Registry
from uebench.plugins.scan import Kind
from uebench.plugins.values import Info


def table(kind: Kind) -> str:
    """Return a Markdown table of the plugins that come with uebench."""
    rows = [
        f"| `{entry.name}` | {summary(entry.plugin)} | {_paper(entry.info)} |" for entry in Registry().entries(kind)
    ]
    return "\n".join(["| name | what it does | paper |", "|---|---|---|", *rows])


def summary(documented: object) -> str:
    """Return the first paragraph of a docstring, for a field of a Markdown table."""
    first = " ".join((documented.__doc__ or "").strip().split("\n\n")[0].split())
    return first.replace("``", "`").replace("|", "\\|")


def _paper(info: Info) -> str:
    return f"[{info.title}]({info.url}), {info.venue} {info.year}" if info.url else "-"
