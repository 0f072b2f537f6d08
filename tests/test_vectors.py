"""Vectors out of an index and back: the same ids' order, snippets, vectors and results."""

from __future__ import annotations

import ast
import gc
import json
import math
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from toys import ToyPlugin

import codeindex
from codeindex import Host, Index
from codeindex.catalog.catalog import Catalog
from codeindex.catalog.rows import snippet_values
from codeindex.embedding.json_files import write_list
from codeindex.embedding.json_lists import read_list
from codeindex.embedding.languages import languages_of
from codeindex.errors import DamagedIndexError, IndexLockedError, UsageError
from codeindex.exchange import blocks as block_module
from codeindex.exchange import folder_reading
from codeindex.exchange import parquet as parquet_module
from codeindex.exchange.blocks import IndexedVectors
from codeindex.exchange.entries import snippet_of_entry
from codeindex.exchange.exporting import Export, NothingToExport
from codeindex.exchange.folder_reading import FolderSource
from codeindex.exchange.folder_writing import entry_of, write_folder
from codeindex.exchange.importing import Import, open_source
from codeindex.exchange.made_with import MadeWith
from codeindex.exchange.parquet import ParquetSource, write_parquet
from codeindex.filters import Filter
from codeindex.guarded import GuardedEncoder
from codeindex.locking import writing
from codeindex.new_index import NewIndex, row_of
from codeindex.recipes import SOURCE_TEXTS
from codeindex.snippet import Snippet

pytest.importorskip("pyarrow")
FORMATS = ("out", "out.parquet")


def export(index, output, where=Filter()):  # noqa: B008
    folder = index.folder if isinstance(index, Index) else index
    return Export(folder, output, where, replace=True).run()


def bring(source, folder, host, *, encoder="words", trust=False, snippets=None, **options):
    opened = open_source(source, snippets, languages_of(host))
    try:
        index = NewIndex(folder, host, encoder, options, None, {}, option="-o")
        return Import(opened, index, trust).run()
    finally:
        opened.close()


def contents(folder):
    """(ids' order) snippets as the catalog has them, and vectors to the bit."""
    catalog = Catalog(folder / "catalog.sqlite", readonly=True)
    try:
        row, dim = catalog.manifest()["encoder"]["row"], catalog.manifest()["encoder"]["dim"]
        ids = catalog.snippet_ids()
        snippets = catalog.snippets(ids)
        present, vectors = catalog.vectors(row, dim, ids)
        assert present == ids
        return [snippet_values(snippets[id]) for id in ids], vectors.tobytes()
    finally:
        catalog.close()


def results(folder, host, query="heavy iron saw"):
    with Index.open(index=folder, host=host) as index:
        assert index.verify().ok
        return [(hit.snippet, hit.score, hit.rank) for hit in index.search(query, 10)]


@pytest.fixture
def indexed(tree, host):
    with Index.open(tree, create=True, encoder="words", host=host) as index:
        index.update()
        (tree / "tools.txt").write_text("saw sharp teeth\n\nplane flat\n\nhammer heavy iron\n")
        index.update()  # so that ids are not simply 1, 2, 3
    return tree / ".codeindex"


# -- round trips -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_there_and_back_is_the_same(name, indexed, tmp_path, host, toys):
    receipt = export(indexed, tmp_path / name)
    embedded = len(toys.embedded)
    made = bring(tmp_path / name, tmp_path / "copy", host)
    assert len(toys.embedded) == embedded, "nothing is embedded"
    assert contents(tmp_path / "copy") == contents(indexed)
    assert results(tmp_path / "copy", host) == results(indexed, host)
    assert (made.count, made.dim, made.scaled, made.trusted) == (receipt.count, 64, 0, False)
    assert made.fingerprint == receipt.fingerprint
    again = tmp_path / f"again-{name}"
    assert export(tmp_path / "copy", again).fingerprint == receipt.fingerprint
    bring(again, tmp_path / "third", host)
    assert contents(tmp_path / "third") == contents(indexed)


@pytest.mark.parametrize("name", FORMATS)
def test_only_what_the_filter_takes(name, indexed, tmp_path, host):
    receipt = export(indexed, tmp_path / name, Filter(("fruit.txt",)))
    assert receipt.count == 2
    bring(tmp_path / name, tmp_path / "copy", host)
    with Index.open(index=tmp_path / "copy", host=host) as index:
        assert [snippet.name for snippet in index.snippets()] == ["apple", "banana"]


def odd_snippets():
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    odd = st.sampled_from(
        ["\0", "\n", "\r\n", "\u2028", "\ufeff", "\U0001f600", '"', "\\u0000", ""]
    )
    field = st.one_of(text, odd, st.builds(lambda a, b: a + b, text, odd))
    values = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.sampled_from(["\ud800x"])
        | text,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
        max_leaves=4,
    )
    keys = st.sampled_from(["paper_title", "repo_name", "file_path", "has_docstring", "x", "\0"])
    return st.builds(
        Snippet,
        path=field.filter(bool),
        language=field,
        kind=field,
        name=field,
        start_line=st.integers(-(2**61), 2**61),
        end_line=st.integers(-(2**61), 2**61),
        code=field,
        docstring=field,
        extra=st.dictionaries(keys, values, max_size=3),
    )


def index_of(snippets, folder, host):
    """An index of these snippets, with vectors that no encoder would make."""
    offer = host.encoders.get("words")
    encoder = GuardedEncoder(host.make(offer, "encoder", {}, offer.spec.make), offer)
    rng = np.random.default_rng(len(snippets))
    vectors = rng.normal(size=(len(snippets), 64)).astype(np.float32)
    rows = [
        row_of(snippet, position, "", position.to_bytes(16), "test/1")
        for position, snippet in enumerate(snippets)
    ]
    new = NewIndex(folder, host, "words", {}, None, {})
    new.build(encoder, folder.parent, {"recipe": "code-alone/1", "weight": None}, [(rows, vectors)])


@given(st.lists(odd_snippets(), min_size=1, max_size=12))
@settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking would take minutes: each example is files
)
def test_odd_texts_come_back_as_they_were(tmp_path_factory, snippets):
    folder, host = tmp_path_factory.mktemp("odd"), Host()
    host.register(ToyPlugin(), "toys", "toys")
    index_of(snippets, folder / "index", host)
    for name in FORMATS:
        export(folder / "index", folder / name)
        made = bring(folder / name, folder / f"copy-{name}", host)
        assert made.scaled == 0, "vectors of the encoder itself stay as they are"
        assert contents(folder / f"copy-{name}") == contents(folder / "index")


@given(st.lists(odd_snippets(), max_size=4))
def test_odd_texts_in_metadata(tmp_path_factory, snippets):
    path = tmp_path_factory.getbasetemp() / "metadata.json"
    write_list(map(entry_of, snippets), path)
    back = [snippet_of_entry(value, "x", str) for value in read_list(path, "snippets")]
    assert list(map(snippet_values, back)) == list(map(snippet_values, snippets))
    for entry in json.loads(path.read_text("utf-8")):
        texts = [key for key in entry if key.startswith(("paper", "repo", "file", "function"))]
        assert all(isinstance(entry[key], str) for key in texts)


def test_one_text_with_two_vectors_keeps_both(tmp_path, host):
    index_of([Snippet("a", "x", "k", "n", 1, 1, "same")] * 3, tmp_path / "index", host)
    for name in FORMATS:
        export(tmp_path / "index", tmp_path / name)
        bring(tmp_path / name, tmp_path / f"copy-{name}", host)
        assert contents(tmp_path / f"copy-{name}") == contents(tmp_path / "index")


# -- what is written -------------------------------------------------------------------------


def test_the_folder_is_that_of_the_workflow(indexed, tmp_path):
    export(indexed, tmp_path / "deep" / "out")
    folder = tmp_path / "deep" / "out"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["code_embeddings.npy", "made_with.json", "metadata.json"]
    vectors = np.load(folder / "code_embeddings.npy")
    assert (vectors.dtype, vectors.shape) == (np.float32, (5, 64))
    entry = json.loads((folder / "metadata.json").read_text())[0]
    own = entry.pop("codeindex")
    assert entry == {
        **dict.fromkeys(("paper_id", "paper_title", "paper_abstract", "paper_url"), ""),
        **dict.fromkeys(("repo_name", "repo_url"), ""),
        "file_path": "fruit.txt",
        "function_name": "apple",
        "line_numbers": {"start": 1, "end": 1},
        "has_docstring": False,
        "num_lines": 1,
    }
    assert (own["path"], own["kind"], own["code"]) == ("fruit.txt", "paragraph", "apple red sweet")
    made = json.loads((folder / "made_with.json").read_text())
    assert made["encoder"]["title"] == "words64"
    assert made["encoder"]["options"] == {"dim": 64, "salt": ""}
    assert (made["vectors"]["rows"], made["codeindex"]) == (5, codeindex.__version__)


def test_parquet_is_read_by_others(indexed, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    export(indexed, tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.names == [
        *("id", "path", "language", "kind", "name", "start_line", "end_line"),
        *("code", "docstring", "extra", "vector"),
    ]
    assert table.schema.field("vector").type == pa.list_(pa.float32(), 64)
    assert json.loads(table.schema.metadata[b"codeindex"])["encoder"]["title"] == "words64"
    ids = table["id"].to_pylist()
    assert ids == sorted(ids)
    assert table["name"].to_pylist()[:2] == ["apple", "banana"]
    assert set(table["extra"].to_pylist()) == {"{}"}
    stacked = np.stack(table["vector"].to_numpy())
    assert (stacked.shape, stacked.dtype) == ((5, 64), np.float32)


def test_row_groups_are_the_blocks(indexed, tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr(block_module, "ROWS", 2)
    export(indexed, tmp_path / "out.parquet")
    file = pq.ParquetFile(tmp_path / "out.parquet")
    groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    file.close()
    assert groups == [2, 2, 1]


def test_an_older_export_is_replaced_and_an_embedding_run_is_not_confused(indexed, tmp_path, host):
    export(indexed, tmp_path / "out", Filter(("fruit.txt",)))
    export(indexed, tmp_path / "out")
    assert len(np.load(tmp_path / "out" / "code_embeddings.npy")) == 5
    bring(tmp_path / "out", tmp_path / "copy", host)
    assert contents(tmp_path / "copy") == contents(indexed)


def test_nothing_to_export_writes_nothing(indexed, tree, tmp_path, host):
    with pytest.raises(NothingToExport, match="none of the 5 snippets in .* matches"):
        export(indexed, tmp_path / "out", Filter(languages=("cobol",)))
    with Index.open(tree, host=host) as index:
        index.remove("**")
    for name in FORMATS:
        with pytest.raises(NothingToExport, match="holds no snippets"):
            export(indexed, tmp_path / name)
        assert not (tmp_path / name).exists()


def test_places_where_an_export_cannot_be(indexed, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "half" / "metadata.json").mkdir(parents=True)
    for output, why in {
        indexed: "lies in the index",
        indexed / "x" / "y.parquet": "lies in the index",
        tmp_path / "file": "is a file; -o names a folder",
        tmp_path / "half": "is a folder, where a file",
        tmp_path / "folder.parquet": "is a folder, where a Parquet file",
    }.items():
        with pytest.raises(UsageError, match=why):
            export(indexed, output)
    (tmp_path / "out" / ".embed").mkdir(parents=True)
    with writing(tmp_path / "out" / ".embed"), pytest.raises(IndexLockedError):
        export(indexed, tmp_path / "out")


def test_a_snippet_without_vector_is_no_export(indexed, tree, tmp_path, host):
    with Index.open(tree, host=host) as index:
        with index._store.writing() as catalog, catalog.transaction():
            catalog._connection.execute("DELETE FROM vectors WHERE id = 1")
    with pytest.raises(DamagedIndexError, match="verify --repair"):
        export(indexed, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# -- what is made ----------------------------------------------------------------------------


def test_the_index_is_not_one_of_source_files(indexed, tree, tmp_path, host):
    export(indexed, tmp_path / "out")
    bring(tmp_path / "out", tmp_path / "copy", host)
    with Index.open(tree, index=tmp_path / "copy", host=host) as index:
        for work in (index.update, index.reencode):
            with pytest.raises(UsageError, match="made by codeindex vectors import from .*out"):
                work()
        assert index.status()["texts"]["imported"] is True
    with pytest.raises(UsageError, match=r"one of source files.*name another -o"):
        bring(tmp_path / "out", indexed, host)
    with pytest.raises(UsageError, match="a folder of its own"):
        bring(tmp_path / "out", tmp_path, host)
    bring(tmp_path / "out", tmp_path / "copy", host)
    assert contents(tmp_path / "copy") == contents(indexed)


def test_a_lost_vector_is_made_again_of_the_text_it_was_of(indexed, tmp_path, host):
    export(indexed, tmp_path / "out")
    bring(tmp_path / "out", tmp_path / "copy", host)
    with Index.open(index=tmp_path / "copy", host=host) as index:
        with index._store.writing() as catalog, catalog.transaction():
            catalog._connection.execute("DELETE FROM vectors WHERE id % 2 = 0")
        assert not index.verify().ok
        assert index.verify(repair=True).ok
    assert contents(tmp_path / "copy") == contents(indexed)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "full"), RuntimeError("bug")])
@pytest.mark.parametrize("name", FORMATS)
def test_stopped_in_the_middle_nothing_is_left(name, error, indexed, tmp_path, host, monkeypatch):
    monkeypatch.setattr(block_module, "ROWS", 2)
    export(indexed, tmp_path / name, Filter(("fruit.txt",)))
    before = sorted(path.name for path in tmp_path.rglob("*"))

    def fails(self, *args):
        fails.left -= 1
        if not fails.left:
            raise error
        return whole(self, *args)

    whole = Catalog.snippets
    fails.left = 2
    with monkeypatch.context() as patched:
        patched.setattr(Catalog, "snippets", fails)
        with pytest.raises(type(error)):
            export(indexed, tmp_path / name)
        fails.left = 2
        with pytest.raises(type(error)):
            export(indexed, tmp_path / f"new-{name}")
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    append = Catalog.append
    monkeypatch.setattr(Catalog, "append", lambda *args: (append(*args), fails.raises())[0])

    def raises():
        raise error

    fails.raises = raises
    with pytest.raises(type(error)):
        bring(tmp_path / name, tmp_path / "copy", host)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


# -- memory ----------------------------------------------------------------------------------


class EndlessCatalog:
    """As many snippets as are asked for; counts the vectors that somebody still holds."""

    def __init__(self, rows):
        self.rows, self.alive, self.most, self.calls = rows, 0, 0, 0
        self.path = Path("nowhere/catalog.sqlite")

    def manifest(self):
        facts = {"name": "words", "title": "t", "fingerprint": "f", "dim": 4, "options": {}}
        return {"encoder": facts | {"row": 1}}

    def snippets_without_vector(self, row, dim):
        return []

    def snippet_ids(self):
        return list(range(self.rows))

    def snippets(self, ids):
        return {id: Snippet("a.py", "python", "function", f"f{id}", 1, 1, "pass") for id in ids}

    def vectors(self, row, dim, ids):
        return ids, self.watched(np.ones((len(ids), dim), np.float32))

    def watched(self, vectors):
        self.alive += 1
        self.calls += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(vectors, self.forget)
        return vectors

    def forget(self):
        self.alive -= 1


@pytest.mark.parametrize("name", FORMATS)
def test_a_block_or_two_are_in_memory(name, tmp_path, monkeypatch):
    for module in (block_module, folder_reading, parquet_module):
        monkeypatch.setattr(module, "ROWS", 10)
    catalog = EndlessCatalog(500)
    vectors = IndexedVectors(catalog, Filter())
    gc.collect()
    if name == "out":
        write_folder(tmp_path / name, vectors.made_with, 500, vectors.blocks())
    else:
        write_parquet(tmp_path / name, vectors.made_with, vectors.blocks())
    assert catalog.calls == 50
    assert catalog.most <= 2, "the one that is written, and the one that is read"

    reading = EndlessCatalog(0)
    kind = FolderSource if name == "out" else ParquetSource
    arguments = (None, str) if name == "out" else (str,)
    source = kind(tmp_path / name, *arguments)

    class Consumer:
        def build(self, encoder, root, texts, blocks):
            for rows, part in blocks:
                assert len(rows) == len(reading.watched(part))

    job = Import(source, Consumer())
    Consumer().build(None, None, None, job._blocks(SOURCE_TEXTS, None))
    source.close()
    assert reading.calls == 50
    assert reading.most <= 2


# -- the library -----------------------------------------------------------------------------


def test_without_pyarrow_the_message_says_what_to_install(indexed, tmp_path, host, monkeypatch):
    export(indexed, tmp_path / "out.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match="pip install pyarrow"):
        export(indexed, tmp_path / "new.parquet")
    with pytest.raises(UsageError, match="pip install pyarrow"):
        bring(tmp_path / "out.parquet", tmp_path / "copy", host)
    export(indexed, tmp_path / "out")
    bring(tmp_path / "out", tmp_path / "copy", host)
    assert not (tmp_path / "new.parquet").exists()


def test_one_file_imports_pyarrow_and_only_within_its_functions():
    root = Path(codeindex.__file__).parent
    for path in root.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        names = [node for node in ast.walk(tree) if _imports(node, "pyarrow")]
        if path != root / "exchange" / "parquet.py":
            assert not names, path
            continue
        assert names
        assert not [node for node in tree.body if _imports(node, "pyarrow")]


def _imports(node, name):
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] == name for alias in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == name


def test_what_made_the_vectors_is_read_as_it_was_written():
    made = MadeWith("words", "t", "f", 4, "code-alone/1", {"a": [1, math.pi]})
    assert MadeWith.from_json(json.loads(json.dumps(made.as_json())), "x") == made
