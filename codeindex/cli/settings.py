"""Settings from ``codeindex.toml`` or ``[tool.codeindex]``, as defaults of the options.

A key at the top is a default of every command that has the option, a key in a table named
after a command only of that one::

    encoder = "fast"
    exclude = ["docs/**"]
    [search]
    top-k = 5
    [backend-options]
    threads = 2

``embed``, ``train``, ``export``, ``papers`` and most of ``pairs`` take only what stands in
their own tables: they make other things than the index of a source tree. A command within
another has a table within the other's, ``[pairs.code]``.

``plugins`` lists Python files to load plugins from, relative to the settings; it counts only
in a file that is named by ``--config``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeindex.errors import UsageError

_FILE = "codeindex.toml"
_PROJECT = "pyproject.toml"
_APART = ("embed", "export", "train")
"""Commands for which the keys at the top are not meant."""

_GROUPS = {
    "pairs": ("code", "papers", "split"),
    "papers": ("collect",),
    "vectors": ("export", "import"),
}
"""Commands within commands. The keys at the top are meant for `pairs code` alone."""

_COMMANDS = (
    *_APART,
    "copy",
    "doctor",
    "eval",
    "extract",
    "index",
    "optimize",
    "plugins",
    "rebuild",
    "remove",
    "search",
    "similar",
    "status",
    "verify",
)
_SHARED = (
    *("index", "encoder", "backend", "encoder_option", "backend_option", "extractor_option"),
    *("reranker", "reranker_option", "rerank_depth"),
    *("include", "exclude", "max_bytes", "jobs", "everything"),
    *("top_k", "lines", "path", "language", "kind"),
)
_TABLES = {
    "encoder_options": "encoder_option",
    "backend_options": "backend_option",
    "extractor_options": "extractor_option",
    "reranker_options": "reranker_option",
}
_RENAMED = {"json": "as_json", "all": "everything", "index_folder": "index"}


@dataclass(frozen=True)
class Settings:
    """What a settings file says.

    Attributes:
        path: the file, or None.
        defaults: of options, by command, for click.
        plugins: Python files to load plugins from.
        ignored_plugins: it names plugins, and was found, not named by the user: what stands
            in a folder that is indexed must not make its code run.
        own: what stands in the tables of commands, by their words.
    """

    path: Path | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    plugins: Sequence[Path] = ()
    ignored_plugins: bool = False
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def load_settings(given: Path | None) -> Settings:
    """The settings of the file that is given, or else of the nearest one.

    Raises:
        UsageError: the file is no TOML, or has an unknown key.
    """
    path = given or _nearest(Path.cwd())
    if path is None:
        return Settings()
    table = _read(path)
    named = [] if isinstance(table.get("plugins"), dict) else table.pop("plugins", [])
    plugins = _plugins(path, named)
    shared: dict[str, Any] = {}
    commands: dict[str, dict[str, Any]] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if isinstance(value, dict) and name in _COMMANDS:
            commands[name] = {_name(inner): _value(item) for inner, item in value.items()}
        elif isinstance(value, dict) and name in _GROUPS:
            commands |= {
                f"{name} {inner}": _inner(path, name, inner, table)
                for inner, table in value.items()
            }
        elif isinstance(value, dict) and name in _TABLES:
            shared[_TABLES[name]] = [f"{inner}={_text(item)}" for inner, item in value.items()]
        elif _name(key) in _SHARED and not isinstance(value, dict):
            shared[_name(key)] = _value(value)
        else:
            known = {*_COMMANDS, *_GROUPS, *_TABLES, *_SHARED}
            raise UsageError(f"{path}: unknown setting {key!r}; {_meant(key, known)}")
    defaults: dict[str, Any] = {
        command: {**({} if command in _APART else shared), **commands.get(command, {})}
        for command in _COMMANDS
    }
    for group, members in _GROUPS.items():
        defaults[group] = {name: commands.get(f"{group} {name}", {}) for name in members}
    defaults["pairs"]["code"] = {**shared, **defaults["pairs"]["code"]}
    if given is None:
        return Settings(path, defaults, (), bool(plugins), commands)
    return Settings(path, defaults, plugins, False, commands)


def check_table(settings: Settings, command: str, options: Collection[str]) -> None:
    """Refuses a key that no option of the command has.

    Args:
        command: its words, as in ``pairs code``.
        options: the names of its options, as click has them.

    Raises:
        UsageError: there is one.
    """
    unknown = sorted(set(settings.own.get(command, {})) - {*options, *_SHARED})
    if unknown:
        key = unknown[0].replace("_", "-")
        raise UsageError(
            f"{settings.path}: unknown setting {key!r} in [{command.replace(' ', '.')}];"
            f" {_meant(key, options)}"
        )


def _meant(key: str, known: Collection[str]) -> str:
    """What may have been meant; all that there is where nothing is near."""
    from difflib import get_close_matches

    names = sorted(name.replace("_", "-") for name in known)
    near = get_close_matches(key.replace("_", "-"), names, 3)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"


def _inner(path: Path, group: str, name: str, table: Any) -> dict[str, Any]:
    if name not in _GROUPS[group] or not isinstance(table, dict):
        known = ", ".join(f"[{group}.{member}]" for member in _GROUPS[group])
        raise UsageError(f"{path}: unknown setting {name!r} in [{group}]; known: {known}")
    return {_name(inner): _value(item) for inner, item in table.items()}


def _plugins(path: Path, names: Any) -> list[Path]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"{path}: 'plugins' must be a list of Python files")
    return [path.parent / name for name in names]


def _nearest(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        if (folder / _FILE).is_file():
            return folder / _FILE
        project = folder / _PROJECT
        if project.is_file() and b"[tool.codeindex" in project.read_bytes():
            return project
    return None


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no valid TOML: {error}") from error
    if path.name == _PROJECT:
        table = table.get("tool", {}).get("codeindex", {})
    return table


def _name(key: str) -> str:
    name = key.replace("-", "_")
    return _RENAMED.get(name, name)


def _value(value: Any) -> Any:
    return value if isinstance(value, list | bool) else str(value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
