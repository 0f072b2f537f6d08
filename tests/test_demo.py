"""What `make demo` promises, on a part of the standard library: relevant functions, first."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

import pytest

from codeindex import Index

MODULES = [
    *("bz2.py", "gzip.py", "lzma.py", "zipfile.py", "shutil.py", "tarfile.py", "string.py"),
    *("datetime.py", "_strptime.py", "plistlib.py", "configparser.py", "argparse.py", "queue.py"),
    *("email", "logging", "urllib", "http", "json", "csv.py", "random.py", "socketserver.py"),
]
EXPECTED = {
    "parse a date string": {
        "date.fromisoformat", "_date_from_string", "parsedate_to_datetime", "parsedate",
        "parsedate_tz", "_strptime", "datetime.fromisoformat", "_parse_isoformat_date",
    },
    "retry with exponential backoff": {"SocketHandler.createSocket", "SocketHandler"},
    "compress a file": {"compress", "GzipFile", "LZMACompressor.compress", "open", "BZ2File"},
}  # fmt: skip


@pytest.fixture(scope="module")
def stdlib(tmp_path_factory):
    root = tmp_path_factory.mktemp("stdlib")
    origin = Path(sysconfig.get_path("stdlib"))
    for name in MODULES:
        place = origin / name
        if place.is_dir():
            shutil.copytree(place, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif place.exists():  # some became packages in later versions
            shutil.copy(place, root / name)
    with Index.open(root, create=True) as index:
        receipt = index.update()
        assert receipt.errors == []
        yield index


@pytest.mark.parametrize("query", EXPECTED)
def test_the_demos_queries_find_what_they_mean(stdlib, query):
    names = {result.snippet.name for result in stdlib.search(query, top_k=5)}
    assert names & EXPECTED[query], names


def test_five_lines_in_a_notebook(tmp_path, capsys):
    """The README's example, as it stands there."""
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    example = readme.split("## From Python")[1].split("```python\n")[1].split("```")[0]
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "dates.py").write_text(
        "def parse_date(text):\n    '''Parse a date string.'''\n    return text.split('-')\n"
    )
    exec(example.replace('"src"', repr(str(tmp_path / "src"))), {})  # noqa: S102
    printed = capsys.readouterr().out
    assert printed.startswith("1 snippets\n")
    assert "dates.py parse_date" in printed
