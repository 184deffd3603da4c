"""`!plugins`: the installed plug-ins, and what is wrong with those that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_cli.commands.command import Call, Command
from invoke_cli.context.context import SessionContext
from invoke_cli.events import Item
from invoke_cli.language.help.render import columns
from invoke_cli.metadata.codec import ReadOnlyFormat
from invoke_cli.models.families.family import Family
from invoke_cli.models.samplers import Sampler
from invoke_cli.planning.postprocessors import PluginPostprocessor
from invoke_cli.plugins import Plugin, PluginKind, plugins

ROW_TYPES: Mapping[PluginKind, type[object]] = {
    PluginKind.SAMPLER: Sampler,
    PluginKind.FAMILY: Family,
    PluginKind.FORMAT: ReadOnlyFormat,
    PluginKind.COMMAND: Command,
    PluginKind.POSTPROCESSOR: PluginPostprocessor,
}


def list_plugins(context: SessionContext, _: Call) -> None:
    """Import every plug-in and list it with its package."""
    installed = plugins().installed()
    if not installed:
        context.say("no plug-ins are installed; docs/plugins.md shows how to write one")
        return
    context.say(
        columns([(f"{plugin.kind.value} {plugin.name}", _describe(plugin)) for plugin in installed]),
        items=[_item(plugin) for plugin in installed],
    )


def _row(plugin: Plugin) -> object | None:
    return plugins().row(plugin.kind, plugin.name, ROW_TYPES[plugin.kind])


def _item(plugin: Plugin) -> Item:
    return {
        "kind": "plugin",
        "table": plugin.kind.value,
        "name": plugin.name,
        "package": plugin.package,
        "version": plugin.version,
        "usable": _row(plugin) is not None,
    }


def _describe(plugin: Plugin) -> str:
    row = _row(plugin)
    package = f"{plugin.package} {plugin.version}".strip()
    return f"{package}: {getattr(row, 'help', '')}".removesuffix(": ") if row else f"{package}: broken"
