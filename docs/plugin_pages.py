"""A Sphinx directive that lists all plugins of one kind: ``{plugins} method``. It reads what ``uebench show`` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from uebench.plugins.entry import Entry
from uebench.plugins.registry import Registry
from uebench.plugins.spec import format_value

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class Plugins(SphinxDirective):
    """One section per plugin: where it comes from, what it does, every option, and its presets."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the sections, made from Markdown."""
        text = "\n".join(line for entry in Registry().entries(self.arguments[0]) for line in _section(entry))
        made = nodes.container()
        self.state.nested_parse(StringList(text.splitlines(), "plugins"), self.content_offset, made, match_titles=True)
        return made.children


def _section(entry: Entry) -> list[str]:
    plugin, config = entry.plugin, entry.plugin.Config
    info = entry.info
    where = f"{info.venue} {info.year}" if info.year else ""
    title = f"[{info.title}]({info.url})" if info.url else info.title
    about = (plugin.__doc__ or "").strip().split("\n\n")
    lines = ["", f"## {entry.name}", "", f"{title}. {where}", "", *(" ".join(one.split()) + "\n" for one in about)]
    meanings = config.meanings()
    presets = {name: plugin.presets[name] for name in ("desk", "paper", "official") if name in plugin.presets}
    if meanings:
        lines += [_row("option", "default", *presets, "meaning"), _row(*["---"] * (3 + len(presets)))]
    for option, meaning in meanings.items():
        field = config.model_fields[option]
        default = "required" if field.is_required() else f"`{format_value(field.default)}`"
        there = (f"`{format_value(preset[option])}`" if option in preset else "" for preset in presets.values())
        lines.append(_row(f"`{option}`", default, *there, meaning.replace("``", "`")))
    return [*lines, "", *(f"- `{name}`: {reason}" for name, reason in plugin.why.items()), ""]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def setup(app: Sphinx) -> dict[str, bool]:
    """Give Sphinx the directive."""
    app.add_directive("plugins", Plugins)
    return {"parallel_read_safe": True}
