"""Names and contents which show that a file or folder was not written by hand here."""

from __future__ import annotations

import re
from collections.abc import Set

from codeindex.candidates import SkipReason

METADATA = frozenset({".git", ".hg", ".svn", ".jj", ".bzr", "CVS", "_darcs", ".codeindex"})
_VENDORED = frozenset(
    {"node_modules", "bower_components", "jspm_packages", "site-packages", "dist-packages"}
    | {"vendor", "vendors", "vendored", "_vendor", "_vendored"}
    | {"third_party", "third-party", "thirdparty", "3rdparty"}
)
_GENERATED_FOLDERS = frozenset({"__pycache__", "__pypackages__"})
_GENERATED_FOLDER_ENDINGS = (".egg-info", ".dist-info")
_GENERATED_FILE = re.compile(
    r".*(?:_pb2(?:_grpc)?\.pyi?|[.-]min\.(?:m?js|css)|\.bundle\.js|\.pb\.(?:go|cc|h)"
    r"|\.(?:g|freezed)\.dart|\.designer\.cs|[._]generated\.\w+)\Z",
    re.IGNORECASE | re.DOTALL,
)
# A file that tells what the folder around it is. `build` and `dist` are ordinary names of
# packages, so they are left out only where what is in them shows that a tool wrote them.
_MARKERS = {
    "pyvenv.cfg": (SkipReason.VENDORED, "a virtual environment"),
    "conda-meta": (SkipReason.VENDORED, "a conda environment"),
    "CACHEDIR.TAG": (SkipReason.GENERATED, "a cache"),
    "CMakeCache.txt": (SkipReason.GENERATED, "a build folder"),
}
_BUILT = {
    "build": re.compile(r"(?:bdist|temp|lib|scripts)(?:[.-].*)?\Z|build\.ninja\Z"),
    "dist": re.compile(r".*\.(?:whl|tar\.gz|egg)\Z"),
}


def by_name(name: str, is_folder: bool) -> SkipReason | None:
    """Why an entry of this name is left out, or None."""
    if name[0] == ".":
        return SkipReason.HIDDEN
    if is_folder:
        if name in _VENDORED:
            return SkipReason.VENDORED
        generated = name in _GENERATED_FOLDERS or name.endswith(_GENERATED_FOLDER_ENDINGS)
    else:
        generated = _GENERATED_FILE.match(name) is not None
    return SkipReason.GENERATED if generated else None


def by_content(name: str, names: Set[str]) -> tuple[SkipReason, str] | None:
    """Why a folder called `name` that holds `names` is left out, in general and in particular."""
    for marker, (reason, detail) in _MARKERS.items():
        if marker in names:
            return reason, detail
    built = _BUILT.get(name)
    # A package called "build" is source, whatever else it holds.
    if built and "__init__.py" not in names and any(built.match(name) for name in names):
        return SkipReason.GENERATED, "a build folder"
    return None
