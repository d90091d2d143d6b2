"""The plugins of a kind in a table that GitHub shows: what each does, and its paper."""

from __future__ import annotations

from uebench.norms import NORMS, NormName
from uebench.plugins.base import Method
from uebench.plugins.entry import Entry
from uebench.plugins.registry import Registry
from uebench.plugins.scan import Kind
from uebench.plugins.values import Info

NORM_NAMES: dict[NormName, str] = {"linf": "L-inf", "l2": "L2", "l0": "L0"}
SIZE = 96


def table(kind: Kind) -> str:
    """Return a Markdown table of the plugins that come with uebench; of methods also the bounds."""
    fields = ["name", "what it does", *(["bound"] if kind == "method" else []), "paper"]
    rows = [
        [f"`{entry.name}`", summary(entry.plugin), *([_bound(entry)] if kind == "method" else []), _paper(entry.info)]
        for entry in Registry().entries(kind)
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [fields, ["---"] * len(fields), *rows]).replace(" --- ", "---")


def summary(documented: object) -> str:
    """Return the first paragraph of a docstring, for a field of a Markdown table."""
    first = " ".join((documented.__doc__ or "").strip().split("\n\n")[0].split())
    return first.replace("``", "`").replace("|", "\\|")


def _paper(info: Info) -> str:
    return f"[{info.title}]({info.url}), {info.venue} {info.year}" if info.url else "-"


def _bound(entry: Entry) -> str:
    """Return how far a method may change an image of 96 pixels, with its default options."""
    config = entry.plugin.Config.model_construct()
    method = entry.plugin(config)
    assert isinstance(method, Method)
    budget = method.budget(SIZE)
    if budget.norm == "none":
        return "none"
    return f"{NORM_NAMES[budget.norm]} {NORMS[budget.norm].text(budget.eps)}" if budget.eps else "no change"
