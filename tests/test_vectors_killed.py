"""Export and import killed at each step: the old is there, or the new, or plainly nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_vectors import bring, export, index_of

from codeindex import Index
from codeindex.catalog.catalog import Catalog
from codeindex.embedding.languages import languages_of
from codeindex.exchange.importing import open_source
from codeindex.snippet import Snippet

_KILLED = """
import os, shutil, sys
sys.path[:0] = [sys.argv[1], str(sys.argv[2])]
from pathlib import Path
import filelock, ijson, numpy
from codeindex import Host
from codeindex.filters import Filter
from test_vectors import bring, export
from toys import ToyPlugin

root, what = Path(sys.argv[2]), sys.argv[3]
host = Host()
host.register(ToyPlugin(), "toys", "toys")

def work(folder):
    if what == "import":
        bring(root / "new", folder / "idx", host)
    else:
        export(root / "index", folder / what)

def dying(step, folder):
    count = 0
    def hook(event, args):
        nonlocal count
        if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect"):
            count += 1
            if count == step:
                os._exit(9)
    sys.addaudithook(hook)
    work(folder)
    os._exit(0)

step, every = 1, int(sys.argv[4])
while True:
    folder = root / f"step{step}"
    shutil.copytree(root / "before", folder)
    pid = os.fork()
    if not pid:
        try:
            dying(step, folder)
        except BaseException:
            import traceback
            traceback.print_exc()
        os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, 9), code
    if code == 0:
        shutil.rmtree(folder)
        break
    step += every
print(step)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("what", "every"), [("import", 5), ("out", 1), ("out.parquet", 1)])
def test_killed_at_any_step_there_is_the_old_or_the_new(what, every, tmp_path, host):
    code = [Snippet("a.py", "python", "function", f"f{n}", n, n, "pass") for n in range(4)]
    index_of(code[:2], tmp_path / "small", host)
    index_of(code, tmp_path / "index", host)
    export(tmp_path / "small", tmp_path / "old")
    export(tmp_path / "index", tmp_path / "new")
    before = tmp_path / "before"
    before.mkdir()
    if what == "import":
        bring(tmp_path / "old", before / "idx", host)
    else:
        export(tmp_path / "small", before / what)
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, here, str(tmp_path), what, str(every)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    steps = sorted(tmp_path.glob("step*"))
    assert len(steps) >= 3
    counts = set()
    for folder in steps:
        counts.add(_count(folder, what, host))
        if what == "import":
            bring(tmp_path / "new", folder / "idx", host)
            assert sorted(path.name for path in folder.iterdir()) == ["idx"]
        else:
            export(tmp_path / "index", folder / what)
        assert _count(folder, what, host) == 4
        shutil.rmtree(folder)
    assert counts <= {0, 2, 4}
    assert 2 in counts


def _count(folder, what, host):
    """How many vectors there are; 0 if it says itself that there is nothing."""
    if what != "import":
        if what == "out" and not (folder / what / "metadata.json").exists():
            return 0
        source = open_source(folder / what, None, languages_of(host))
        try:
            return sum(len(vectors) for _, vectors in source.blocks())
        finally:
            source.close()
    if not (folder / "idx").exists():
        return 0
    with Index.open(index=folder / "idx", host=host) as index:
        assert index.verify().ok
    catalog = Catalog(folder / "idx" / "catalog.sqlite", readonly=True)
    try:
        return catalog.count("snippets")
    finally:
        catalog.close()
