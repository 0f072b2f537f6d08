"""``codeindex plugins new``: a plugin's distribution that installs and keeps its contract."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from codeindex import __version__
from codeindex.errors import StorageError, UsageError

KINDS = ("extractor", "encoder", "backend", "reranker")
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*\Z")


def write_plugin(name: str, kind: str, parent: Path) -> Path:
    """Writes the folder ``codeindex-NAME`` and returns it.

    Args:
        name: of the provider: lower-case letters, digits, hyphens.
        kind: one of `KINDS`.
        parent: the folder to write it to.

    Raises:
        UsageError: an unusable name, or the folder is there already.
        StorageError: it cannot be written.
    """
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} cannot name a plugin: use lower-case letters, digits and single hyphens,"
            " beginning with a letter"
        )
    folder = parent / f"codeindex-{name}"
    if folder.exists():
        raise UsageError(f"{folder} is there already")
    module = f"codeindex_{name.replace('-', '_')}"
    names = {
        "name": name,
        "kind": kind,
        "Kind": kind.capitalize(),
        "contracts": ", ".join(sorted((f"{kind.capitalize()}Contract", "PluginContract"))),
        "module": module,
        "Class": "".join(part.capitalize() for part in name.split("-")) + kind.capitalize(),
        "suffix": f".{name.replace('-', '')}",
        "version": __version__,
    }
    contents = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{module}/__init__.py": f"{kind}_plugin.py",
        f"{module}/{kind}.py": f"{kind}.py",
        f"{module}/py.typed": "py.typed",
        "tests/test_contract.py": "test_contract.py",
    }
    try:
        for target, template in contents.items():
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_template(template).substitute(names), "utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror or error}") from error
    return folder


def _template(name: str) -> Template:
    resource = files(__name__) / "templates" / f"{name}.template"
    return Template(resource.read_text("utf-8"))
