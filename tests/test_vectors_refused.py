"""What is no set of vectors is refused in one line that says where and why; nothing is left."""

from __future__ import annotations

import numpy as np
import pytest
from test_vectors import bring, export, index_of
from test_vectors_foreign import WORDS, entries, folder_of, table_of, vectors_of

from codeindex.errors import (
    CodeIndexError,
    EncoderMismatch,
    IndexVersionError,
    NotFoundError,
    UsageError,
)
from codeindex.exchange.importing import NothingToImport
from codeindex.snippet import Snippet

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def refused(source, tmp_path, host, why, error=UsageError, **options):
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(error, match=why):
        bring(source, tmp_path / "idx", host, **{"trust": True, **options})
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def with_value(row, column, value):
    array = vectors_of()
    array[row, column] = value
    return array


ARRAYS = {
    "NaN": (with_value(3, 7, np.nan), r"code_embeddings\.npy: row 3: nan at position 7"),
    "infinity": (with_value(0, 1, -np.inf), r"row 0: -inf at position 1"),
    "flat": (np.ones(5, np.float32), r"2 dimensions, \(snippets, dim\); found \(5,\)"),
    "whole": (np.ones((5, 64), np.int8), "expected float16, float32 or float64, found int8"),
    "texts": (np.array([["a"]]), "expected float16"),
    "dim": (vectors_of(dim=32), "32 dimensions, encoder 'words' .words64. makes 64"),
    "more rows": (vectors_of([*WORDS, "x"]), r"metadata\.json has 5 entries, .*\.npy 6 rows"),
    "fewer rows": (vectors_of(WORDS[:4]), r"has more entries than .* rows \(4\)"),
}


@pytest.mark.parametrize("case", list(ARRAYS))
def test_arrays_that_are_none(case, tmp_path, host):
    array, why = ARRAYS[case]
    folder = folder_of(tmp_path, array, entries())
    refused(folder, tmp_path, host, why, EncoderMismatch if case == "dim" else UsageError)


def test_a_pickle_is_never_loaded(tmp_path, host):
    folder = folder_of(tmp_path, vectors_of(), entries())
    np.save(folder / "code_embeddings.npy", np.array([Boom()], dtype=object), allow_pickle=True)
    refused(folder, tmp_path, host, "no .npy file of numbers")


class Boom:
    def __reduce__(self):
        return (pytest.fail, ("it was run",))


METADATA = {
    "[1]": "entry 0: expected an object, found a number",
    '{"a": 1}': "not a JSON list of snippets",
    "": "is empty",
    "[{}]": r"entry 0: neither of a snippet \(field 'file_path'\)",
    '[{"file_path": 3}]': "entry 0, field 'file_path': expected a text, found a number",
    '[{"file_path": "a", "line_numbers": {"start": "1"}}]': "field 'line_numbers.start'",
    '[{"file_path": "a", "line_numbers": {"start": 9223372036854775808}}]': ".",
    '[{"code_file_path": "a", "code_file_lines": 1.5}]': "field 'code_file_lines'",
    '[{"codeindex": []}]': "field 'codeindex': expected an object, found a list",
    '[{"codeindex": {"extra": "[]"}}]': "field 'codeindex.extra': expected an object as JSON",
    '[{"codeindex": {"extra": "{"}}]': "field 'codeindex.extra': no valid JSON",
    '[{"file_path": "a"}': "it is cut off, or was never finished",
    '[{"file_path": "\\ud800"}]': "has 1 entries",
}


@pytest.mark.parametrize("text", list(METADATA))
def test_metadata_that_is_none(text, tmp_path, host):
    refused(folder_of(tmp_path, vectors_of(), text), tmp_path, host, METADATA[text])


def test_folders_that_are_none(tmp_path, host):
    refused(tmp_path / "none", tmp_path, host, "no such file or folder", NotFoundError)
    folder = folder_of(tmp_path, vectors_of(), entries())
    whole = (folder / "code_embeddings.npy").read_bytes()
    for data in (b"", b"no array", whole[:-1], whole[:60]):
        (folder / "code_embeddings.npy").write_bytes(data)
        refused(folder, tmp_path, host, r"code_embeddings\.npy: no \.npy file of numbers: .")
    (folder / "code_embeddings.npy").unlink()
    refused(folder, tmp_path, host, r"holds no code_embeddings\.npy", NotFoundError)
    (tmp_path / "x.json").write_text("[]")
    refused(tmp_path / "x.json", tmp_path, host, "neither a folder, .* nor a .*parquet file")
    folder = folder_of(tmp_path, np.zeros((0, 64), np.float32), [])
    refused(folder, tmp_path, host, "holds no vectors", NothingToImport)


TABLES = {
    "no vector": ({"path": ["a"]}, "no column 'vector' or 'embedding'; its columns: path"),
    "no path": ({"vector": [[1.0]]}, "no column 'path' or 'file_path'; its columns: vector"),
    "texts": ({"vector": ["x"], "path": ["a"]}, "column 'vector': expected lists of floats"),
    "whole": ({"vector": [[1, 2]], "path": ["a"]}, "expected lists of float16, float32 or float64"),
    "null": (
        {"vector": [[1.0] * 64, None], "path": ["a", "b"]},
        r"row 1, field 'vector': there is no vector \(null\)",
    ),
    "first null": ({"vector": [None, [1.0]], "path": ["a", "b"]}, "row 0, field 'vector'"),
    "number null": (
        {"vector": [[1.0] * 64, [1.0] * 63 + [None]], "path": ["a", "b"]},
        r"row 1, field 'vector': a number is missing \(null\)",
    ),
    "ragged": (
        {"embedding": [[1.0] * 64, [1.0]], "path": ["a", "b"]},
        "row 1, field 'embedding': 1 numbers, where the first row has 64",
    ),
    "NaN": (
        {"vector": [[1.0] * 64, [1.0, float("nan")] + [1.0] * 62], "path": ["a", "b"]},
        "row 1, field 'vector': nan at position 1",
    ),
    "path": ({"vector": [[1.0] * 64], "path": [7]}, "row 0, field 'path': expected a text"),
    "no path given": ({"vector": [[1.0] * 64], "path": [None]}, "field 'path': it is empty"),
    "extra": (
        {"vector": [[1.0] * 64], "path": ["a"], "extra": ["x"]},
        "row 0, field 'extra': no valid JSON",
    ),
    "lines": (
        {"vector": [[1.0] * 64], "path": ["a"], "start_line": ["1"]},
        "row 0, field 'start_line': expected a whole number, found a text",
    ),
}


@pytest.mark.parametrize("case", list(TABLES))
def test_tables_that_are_none(case, tmp_path, host):
    columns, why = TABLES[case]
    refused(table_of(tmp_path / "t.parquet", **columns), tmp_path, host, why)


def test_parquet_files_that_are_none(tmp_path, host):
    path = table_of(tmp_path / "t.parquet", vector=[[1.0] * 64], path=["a"])
    whole = path.read_bytes()
    for data in (b"", b"PAR1", whole[:-3], whole[: len(whole) // 2]):
        path.write_bytes(data)
        refused(path, tmp_path, host, r"t\.parquet: cannot be read as Parquet: .")
    body = bytearray(whole)
    body[4:60] = b"\xff" * 56
    path.write_bytes(body)
    refused(path, tmp_path, host, "cannot be read as Parquet|row 0", CodeIndexError)
    texts = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    table_of(path, vector=[[1.0] * 64], path=texts)
    refused(path, tmp_path, host, "cannot be read as Parquet: .*utf-8")
    table_of(path, vector=pa.array([], pa.list_(pa.float32())), path=pa.array([], pa.string()))
    refused(path, tmp_path, host, "holds no vectors", NothingToImport)
    refused(path, tmp_path, host, "--snippets is for a folder", snippets=tmp_path / "x")


# -- what the vectors say of themselves ------------------------------------------------------


@pytest.mark.parametrize("name", ["out", "out.parquet"])
def test_another_encoder_is_refused_whatever_is_said(name, tmp_path, host):
    index_of([Snippet("a.py", "python", "function", "f", 1, 1, "pass")], tmp_path / "in", host)
    export(tmp_path / "in", tmp_path / name)
    why = (
        r"was made with words64 \(.*options dim=64 salt=\), not with words64 .* cannot be compared"
    )
    refused(tmp_path / name, tmp_path, host, why, EncoderMismatch, salt="x")
    refused(tmp_path / name, tmp_path, host, "no encoder 'nope'", NotFoundError, encoder="nope")


def test_vectors_that_were_written_to_since(tmp_path, host):
    index_of([Snippet("a.py", "python", "function", "f", 1, 1, "pass")], tmp_path / "in", host)
    export(tmp_path / "in", tmp_path / "out")
    np.save(tmp_path / "out" / "code_embeddings.npy", vectors_of(["x"]))
    refused(tmp_path / "out", tmp_path, host, r"made_with\.json is not of the .* another digest")
    for text, why in {
        "{": "no valid JSON",
        "[]": "expected an object",
        '{"encoder": 1}': "field 'encoder': expected an object",
        '{"encoder": {"dim": "x"}}': "field 'encoder.dim'",
    }.items():
        (tmp_path / "out" / "made_with.json").write_text(text)
        refused(tmp_path / "out", tmp_path, host, why)
    (tmp_path / "out" / "made_with.json").write_text('{"format": 2}')
    refused(tmp_path / "out", tmp_path, host, "newer codeindex", IndexVersionError)
    (tmp_path / "out" / "made_with.json").unlink()
    assert bring(tmp_path / "out", tmp_path / "idx", host, trust=True).trusted


def test_metadata_of_a_table_that_is_none(tmp_path, host):
    table = pa.table({"vector": [[1.0] * 64], "path": ["a"]})
    newer = b'{"texts": "new/9", "encoder": {"dim": 64}}'
    for data, why in ((b"x", "no valid JSON"), (b"[]", "expected an object"), (newer, "new/9")):
        pq.write_table(table.replace_schema_metadata({"codeindex": data}), tmp_path / "t.parquet")
        refused(tmp_path / "t.parquet", tmp_path, host, why, CodeIndexError)
