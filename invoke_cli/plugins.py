"""Plug-ins: table rows from installed packages, found by their entry points and imported only when they are needed.

A package declares its rows in the entry point group `invoke_cli.plugins`, under names such as `sampler.my_euler`: the
kind of table, a dot, and the row's name. `docs/plugins.md` shows each kind. Knows nothing of the tables themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "invoke_cli.plugins"

Row = TypeVar("Row")


class PluginKind(Enum):
    """The tables that take rows from plug-ins."""

    SAMPLER = "sampler"
    FAMILY = "family"
    FORMAT = "format"
    COMMAND = "command"
    POSTPROCESSOR = "postprocessor"


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A row that an installed package offers.

    Attributes:
        kind: The table that it belongs to.
        name: The row's name.
        package: The distribution that it comes from.
        version: That distribution's version.
        load: Imports the row.
    """

    kind: PluginKind
    name: str
    package: str
    version: str
    load: Callable[[], object]


class PluginRegistry:
    """The installed plug-ins, and the rows that were imported from them. A broken one is left out and reported once."""

    def __init__(self, entry_points: Callable[[], Iterable[EntryPoint]]) -> None:
        self._entry_points = entry_points
        self._plugins: tuple[Plugin, ...] | None = None
        self._rows: dict[tuple[PluginKind, str], object] = {}
        self._failures: dict[Plugin | str, str] = {}
        self._reported: set[Plugin | str] = set()

    def installed(self, kind: PluginKind | None = None) -> tuple[Plugin, ...]:
        """Return the plug-ins of a kind, or all of them, by name; none of them is imported."""
        if self._plugins is None:
            self._plugins = tuple(self._discover())
        return tuple(plugin for plugin in self._plugins if kind in (None, plugin.kind))

    def names(self, kind: PluginKind) -> tuple[str, ...]:
        """Return the names of the rows of a kind."""
        return tuple(plugin.name for plugin in self.installed(kind))

    def rows(self, kind: PluginKind, row_type: type[Row]) -> tuple[Row, ...]:
        """Import all rows of a kind."""
        found = (self.row(kind, name, row_type) for name in self.names(kind))
        return tuple(row for row in found if row is not None)

    def row(self, kind: PluginKind, name: str, row_type: type[Row]) -> Row | None:
        """Import one row; None where there is none of this name, or where it is broken."""
        plugin = next((plugin for plugin in self.installed(kind) if plugin.name == name), None)
        if plugin is None or plugin in self._failures:
            return None
        key = (kind, name)
        if key not in self._rows:
            try:
                row = plugin.load()
            except Exception as error:  # noqa: BLE001  # a plug-in can fail in any way; only this plug-in is lost
                self._failures[plugin] = f"{type(error).__name__}: {error}"
                return None
            if not isinstance(row, row_type) or getattr(row, "name", None) != name:
                self._failures[plugin] = f"it is not a {row_type.__name__} named {name}"
                return None
            self._rows[key] = row
        found = self._rows[key]
        return found if isinstance(found, row_type) else None

    def failure(self, plugin: Plugin) -> str:
        """Return why a plug-in cannot be used; empty if it can, or was not needed yet."""
        return self._failures.get(plugin, "")

    def new_failures(self) -> tuple[str, ...]:
        """Return a sentence for each plug-in that failed and was not reported yet."""
        fresh = [(plugin, why) for plugin, why in self._failures.items() if plugin not in self._reported]
        self._reported.update(plugin for plugin, _ in fresh)
        return tuple(f"the plug-in {_label(plugin)} cannot be used: {why}" for plugin, why in fresh)

    def _discover(self) -> Iterable[Plugin]:
        seen: set[tuple[str, str]] = set()
        for point in sorted(self._entry_points(), key=lambda point: point.name):
            kind, _, name = point.name.partition(".")
            package = point.dist.name if point.dist else "an unknown package"
            if kind not in [each.value for each in PluginKind] or not name:
                kinds = ", ".join(each.value for each in PluginKind)
                self._failures[f"{point.name} of {package}"] = f"its name must begin with one of {kinds} and a dot"
            elif (kind, name) in seen:
                self._failures[f"{point.name} of {package}"] = "another package has a plug-in of this name"
            else:
                seen.add((kind, name))
                version = point.dist.version if point.dist else ""
                yield Plugin(kind=PluginKind(kind), name=name, package=package, version=version, load=point.load)


@cache
def plugins() -> PluginRegistry:
    """Return the plug-ins that are installed in this environment; they are looked up when first asked for."""

    def entry_points() -> Iterable[EntryPoint]:
        from importlib.metadata import entry_points as installed

        return installed(group=GROUP)

    return PluginRegistry(entry_points)


def _label(plugin: Plugin | str) -> str:
    return plugin if isinstance(plugin, str) else f"{plugin.kind.value}.{plugin.name} of {plugin.package}"
