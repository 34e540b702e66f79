"""Loads plug-ins: the modules of a package, and those that other distributions register."""

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import ModuleType

from crossbill.core.refusal import Refusal


class PluginDoubled(Refusal):
    """Two plug-ins have one name. Rename one of them, or remove the package that brings it."""

    code = "PLUGIN_DOUBLED"


class PluginUnknown(Refusal):
    """No plug-in has this name. Use one of the names listed."""

    code = "PLUGIN_UNKNOWN"


def load(package: str, *, group: str | None = None) -> dict[str, ModuleType]:
    """The plug-ins by name: the file's name in the package, the entry point's name in the group."""
    found = [*_own(package), *(_registered(group) if group else ())]
    plugins: dict[str, ModuleType] = {}
    for name, module in sorted(found, key=lambda pair: pair[0]):
        if name in plugins:
            raise PluginDoubled(
                f"{plugins[name].__name__} and {module.__name__} both provide it",
                field=group or package,
                value=name,
                cure="rename one, or remove the package that brings it",
            )
        plugins[name] = module
    return plugins


def chosen(plugins: dict[str, ModuleType], name: str, *, field: str) -> ModuleType:
    """The plug-in of this name, for a field that a person wrote."""
    if name not in plugins:
        known = ", ".join(plugins)
        raise PluginUnknown("no such plug-in", field=field, value=name, cure=f"one of {known}")
    return plugins[name]


def _own(package: str) -> Iterable[tuple[str, ModuleType]]:
    """Every public module directly in the package."""
    folder = import_module(package)
    names = sorted(m.name for m in iter_modules(folder.__path__) if not m.name.startswith("_"))
    return [(name, import_module(f"{package}.{name}")) for name in names]


def _registered(group: str) -> Iterable[tuple[str, ModuleType]]:
    """Every module that an installed distribution registers in the group."""
    points = sorted(entry_points(group=group), key=lambda point: (point.name, point.value))
    return [(point.name, import_module(point.value)) for point in points]
