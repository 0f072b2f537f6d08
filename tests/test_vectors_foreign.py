"""Vectors of other making: old scripts, codeindex embed, other programs; and all that is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest
from test_embed import embedding, language_of, papers, snippet
from test_vectors import bring, contents, export
from toys import WordEncoder

from codeindex import Index
from codeindex.errors import (
    EncoderMismatch,
    NotFoundError,
    UsageError,
)
from codeindex.exchange.source import unit_rows
from codeindex.snippet import Snippet

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

WORDS = ["apple", "hammer", "socket", "matrix", "pixel"]


def entries(count=5):
    """What the scripts wrote: no code."""
    rows = [snippet(number, function_name=WORDS[number]) for number in range(count)]
    return [{key: row[key] for key in row if key not in ("code_text", "unknown")} for row in rows]


def vectors_of(words=WORDS, dim=64):
    return WordEncoder(dim, "").encode_queries(words)


def folder_of(tmp_path, vectors, metadata):
    folder = tmp_path / "emb"
    folder.mkdir(exist_ok=True)
    np.save(folder / "code_embeddings.npy", vectors)
    text = metadata if isinstance(metadata, str) else json.dumps(metadata)
    (folder / "metadata.json").write_text(text)
    return folder


def table_of(target, **columns):
    pq.write_table(pa.table(columns), target)
    return target


def first(folder, host, query):
    with Index.open(index=folder, host=host) as index:
        assert index.verify().ok
        return index.search(query, 1)[0]


# -- folders ---------------------------------------------------------------------------------


def test_what_old_scripts_wrote_is_searched(tmp_path, host):
    folder = folder_of(tmp_path, vectors_of(), entries())
    with pytest.raises(EncoderMismatch, match="does not say which encoder .* --trust-encoder"):
        bring(folder, tmp_path / "idx", host)
    assert not (tmp_path / "idx").exists()
    receipt = bring(folder, tmp_path / "idx", host, trust=True)
    assert (receipt.count, receipt.without_code, receipt.scaled) == (5, 5, 0)
    assert (receipt.trusted, receipt.texts) == (True, "unknown/1")
    hit = first(tmp_path / "idx", host, "socket")
    assert (hit.snippet.name, hit.snippet.path, hit.snippet.code) == ("socket", "repo/src/a.py", "")
    assert (hit.snippet.start_line, hit.snippet.end_line) == (3, 4)
    assert hit.snippet.extra["paper_title"] == "Paper 2"
    assert contents(tmp_path / "idx")[1] == vectors_of().tobytes()


def test_a_folder_of_scripts_goes_out_with_the_metadata_it_came_with(tmp_path, host):
    data = [row | {"has_docstring": number % 2 == 0} for number, row in enumerate(entries())]
    bring(folder_of(tmp_path, vectors_of(), data), tmp_path / "idx", host, trust=True)
    export(tmp_path / "idx", tmp_path / "out")
    written = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert [{key: entry[key] for key in data[0]} for entry in written] == data
    bring(tmp_path / "out", tmp_path / "again", host)  # its user was asked once
    assert contents(tmp_path / "again") == contents(tmp_path / "idx")


def test_code_from_the_file_that_was_embedded(tmp_path, host):
    rows = [snippet(n, function_name=word) for n, word in enumerate(["more", *WORDS, "rest"])]
    wanted = [{k: r[k] for k in r if k not in ("code_text", "unknown")} for r in rows[1:-1]]
    (tmp_path / "code.json").write_text(json.dumps(rows))
    folder = folder_of(tmp_path, vectors_of(), wanted)
    receipt = bring(folder, tmp_path / "idx", host, trust=True, snippets=tmp_path / "code.json")
    assert receipt.without_code == 0
    assert first(tmp_path / "idx", host, "socket").snippet.code == rows[3]["code_text"]
    (folder / "metadata.json").write_text(json.dumps(wanted[::-1]))
    with pytest.raises(UsageError, match=r"entry 1 .*matrix\) is not in .*code.json"):
        bring(folder, tmp_path / "two", host, trust=True, snippets=tmp_path / "code.json")
    with pytest.raises(NotFoundError, match=r"no such file: .*none\.json"):
        bring(folder, tmp_path / "two", host, trust=True, snippets=tmp_path / "none.json")
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_floats_in_any_order(dtype, order, tmp_path, host):
    array = np.asarray(vectors_of(), dtype=dtype, order=order)
    folder = folder_of(tmp_path, array, entries())
    receipt = bring(folder, tmp_path / "idx", host, trust=True)
    assert receipt.scaled == 0
    stored = np.frombuffer(contents(tmp_path / "idx")[1], "<f4").reshape(5, 64)
    np.testing.assert_array_equal(stored, array.astype("<f4"))


def test_vectors_of_codeindex_embed_say_what_made_them(tmp_path, host):
    rows = [snippet(number, function_name=word) for number, word in enumerate(WORDS)]
    embedding(tmp_path, rows).run(lambda: WordEncoder(64, ""))
    receipt = bring(tmp_path / "out", tmp_path / "idx", host)
    assert (receipt.trusted, receipt.without_code, receipt.texts) == (False, 5, "unknown/1")
    source = tmp_path / "in.json"
    receipt = bring(tmp_path / "out", tmp_path / "with", host, snippets=source)
    assert (receipt.without_code, receipt.texts) == (0, "paper-context/1 weight 0.3")
    codes = [row[6] for row in contents(tmp_path / "with")[0]]
    assert codes == [row["code_text"] for row in rows]
    with pytest.raises(EncoderMismatch, match="cannot be compared"):
        bring(tmp_path / "out", tmp_path / "other", host, salt="x", trust=True)
    source.write_text(json.dumps(rows) + " ")
    receipt = bring(tmp_path / "out", tmp_path / "with", host, snippets=source)
    assert receipt.texts == "unknown/1", "the file is not the one that was embedded"
    np.save(tmp_path / "out" / "code_embeddings.npy", vectors_of())
    with pytest.raises(EncoderMismatch, match="does not say"):
        bring(tmp_path / "out", tmp_path / "other", host)


def test_code_files_of_papers(tmp_path, host):
    embedding(tmp_path, papers()).run(lambda: WordEncoder(64, ""))
    bring(tmp_path / "out", tmp_path / "idx", host)
    snippets = [Snippet(*row[:6], code="") for row in contents(tmp_path / "idx")[0]]
    assert [(s.path, s.kind, s.end_line) for s in snippets] == [
        ("r2.git/src/a.py", "file", 7),
        ("r3/c.rs", "file", 2),
    ]
    bring(tmp_path / "out", tmp_path / "with", host, snippets=tmp_path / "in.json")
    assert first(tmp_path / "with", host, "apple").snippet.code == "x = apple\n"


def test_a_lost_vector_of_unknown_texts_is_not_made_up(tmp_path, host):
    bring(folder_of(tmp_path, vectors_of(), entries()), tmp_path / "idx", host, trust=True)
    with Index.open(index=tmp_path / "idx", host=host) as index:
        with index._store.writing() as catalog, catalog.transaction():
            catalog._connection.execute("DELETE FROM vectors WHERE id = 1")
        with pytest.raises(UsageError, match="import them again"):
            index.verify(repair=True)


# -- length ----------------------------------------------------------------------------------


def test_other_lengths_are_scaled_and_counted(tmp_path, host):
    array = vectors_of() * np.array([[1], [15], [1e-3], [0], [1]], np.float32)
    receipt = bring(folder_of(tmp_path, array, entries()), tmp_path / "idx", host, trust=True)
    assert receipt.scaled == 2
    stored = np.frombuffer(contents(tmp_path / "idx")[1], "<f4").reshape(5, 64)
    np.testing.assert_array_equal(stored[[0, 4]], array[[0, 4]])
    np.testing.assert_allclose(stored[[1, 2]], vectors_of()[[1, 2]], atol=1e-6)
    assert not stored[3].any()


@pytest.mark.parametrize("size", [1e-300, 1e-45, 1e-20, 1.01, 1e20, 1e300])
def test_scaling_at_the_ends_of_the_range(size):
    array = np.array([[3.0, -4.0]]) * size / 5
    scaled, count = unit_rows(array)
    assert count == 1
    np.testing.assert_allclose(scaled, [[0.6, -0.8]], rtol=1e-6)


# -- Parquet ---------------------------------------------------------------------------------

LISTS = {
    "list": pa.list_(pa.float32()),
    "large": pa.large_list(pa.float64()),
    "fixed": pa.list_(pa.float32(), 64),
    "half": pa.list_(pa.float16(), 64),
}


@pytest.mark.parametrize("kind", list(LISTS))
@pytest.mark.parametrize("name", ["vector", "embedding"])
def test_foreign_tables(kind, name, tmp_path, host):
    half = LISTS[kind].value_type == pa.float16()
    rows = list(vectors_of().astype(np.float16) if half else vectors_of())
    path = table_of(
        tmp_path / "foreign.parquet",
        **{name: pa.array(rows, LISTS[kind])},
        path=[f"src/{word}.py" for word in WORDS],
        unknown=[b"\xff"] * 5,
    )
    receipt = bring(path, tmp_path / "idx", host, trust=True)
    assert (receipt.count, receipt.scaled, receipt.without_code) == (5, 0, 5)
    hit = first(tmp_path / "idx", host, "matrix").snippet
    assert (hit.path, hit.language, hit.kind) == ("src/matrix.py", "py", "file")


def test_the_workflows_names_as_columns(tmp_path, host):
    path = table_of(
        tmp_path / "foreign.PARQUET",
        embedding=pa.array(list(vectors_of())),
        file_path=["src/a.py"] * 5,
        repo_name=["r"] * 5,
        name=WORDS,
        code=[f"def {word}(): pass" for word in WORDS],
        start_line=pa.array([1, 2, None, 4, 5], pa.int32()),
    )
    bring(path, tmp_path / "idx", host, trust=True)
    hit = first(tmp_path / "idx", host, "pixel").snippet
    assert (hit.path, hit.name, hit.kind) == ("r/src/a.py", "pixel", "function")
    assert (hit.start_line, hit.end_line, hit.code) == (5, 5, "def pixel(): pass")


def test_the_language_is_that_of_the_extractors(tmp_path, host):
    path = table_of(tmp_path / "t.parquet", vector=[[1.0] * 64], path=["a/b.txt"])
    bring(path, tmp_path / "idx", host, trust=True)
    assert contents(tmp_path / "idx")[0][0][1] == "paragraphs"
    assert language_of("a.py") == "python"
