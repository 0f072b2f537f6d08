"""Parquet: vectors and snippets in one file. The only file of codeindex that knows pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from codeindex.catalog.rows import snippet_values
from codeindex.embedding.items import LanguageOf
from codeindex.errors import NotFoundError, UsageError
from codeindex.exchange.blocks import ROWS, Block
from codeindex.exchange.entries import COLUMNS, FOREIGN_COLUMNS, snippet_of_row
from codeindex.exchange.made_with import MadeWith
from codeindex.exchange.source import RawVectors, SourceBlock
from codeindex.files import replacing

_KEY = b"codeindex"  # of the file's own metadata
_REPEATING = ["path", "language", "kind"]
_VECTORS = ("vector", "embedding")
_PATHS = ("path", "file_path")


def write_parquet(target: Path, made_with: MadeWith, blocks: Iterable[Block]) -> None:
    """Writes the file whole or not at all, a row group for each block.

    Columns: id, those of `COLUMNS` (``extra`` is JSON), and vector, a fixed-size list of float32.

    Raises:
        UsageError: pyarrow is not installed.
        StorageError, OSError: the file cannot be written.
    """
    arrow, parquet = _pyarrow()
    whole, text = arrow.int64(), arrow.string()
    types = dict.fromkeys(COLUMNS, text) | {"start_line": whole, "end_line": whole}
    vector = arrow.list_(arrow.float32(), made_with.dim)
    schema = arrow.schema(
        {"id": whole, **types, "vector": vector},
        metadata={_KEY: json.dumps(made_with.as_json())},
    )
    with (
        replacing(target) as temporary,
        parquet.ParquetWriter(
            temporary, schema, compression="zstd", use_dictionary=_REPEATING
        ) as writer,
    ):
        for block in blocks:
            values = zip(*map(snippet_values, block.snippets), strict=True)
            flat = arrow.array(block.vectors.reshape(-1))
            vectors = arrow.FixedSizeListArray.from_arrays(flat, made_with.dim)
            columns = [block.ids, *map(list, values), vectors]
            table = arrow.table(dict(zip(schema.names, columns, strict=True)), schema=schema)
            writer.write_table(table, row_group_size=len(block.ids))


class ParquetSource:
    """Vectors and snippets of a Parquet file, of codeindex's making or another's.

    A foreign one has at least a column ``vector`` or ``embedding``, of lists of floats, and one
    ``path`` or ``file_path``. See `codeindex.exchange.source.Source`.
    """

    def __init__(self, path: Path, language_of: LanguageOf) -> None:
        """Opens the file.

        Raises:
            NotFoundError: there is none.
            UsageError: pyarrow is not installed, or it is no such file.
        """
        self._arrow, parquet = _pyarrow()
        self.path = path
        self._language_of = language_of
        if not path.is_file():
            raise NotFoundError(f"no such file: {path}")
        with self._told():
            self._file = parquet.ParquetFile(path, pre_buffer=False)
            schema = self._file.schema_arrow
        self._vector = self._one_of(_VECTORS, schema.names)
        self._one_of(_PATHS, schema.names)
        self._columns = [name for name in (*COLUMNS, *FOREIGN_COLUMNS) if name in schema.names]
        self.whole = set(COLUMNS) <= set(schema.names)
        self.rows = int(self._file.metadata.num_rows)
        self.dim = self._dimensions() if self.rows else 0
        self.made_with = self._made_with(schema.metadata or {})

    def vector_place(self, row: int) -> str:
        """Where a vector stands, for messages."""
        return f"{self.path}: row {row}, field {self._vector!r}"

    def blocks(self) -> Iterator[SourceBlock]:
        """All rows, so many at a time."""
        start = 0
        for batch in self._batches(ROWS, [self._vector, *self._columns]):
            vectors = self._numbers(batch.column(self._vector), start)
            with self._told():
                rows = batch.select(self._columns).to_pylist()
            snippets = [
                snippet_of_row(row, f"{self.path}: row {number}", self._language_of)
                for number, row in enumerate(rows, start)
            ]
            yield snippets, vectors
            start += len(rows)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    # -- columns ----------------------------------------------------------------------------

    def _one_of(self, names: Sequence[str], known: Sequence[str]) -> str:
        for name in names:
            if name in known:
                return name
        raise UsageError(
            f"{self.path} has no column {names[0]!r} or {names[1]!r}; its columns: "
            + ", ".join(known)
        )

    def _made_with(self, metadata: dict[bytes, bytes]) -> MadeWith | None:
        if _KEY not in metadata:
            return None
        place = f"{self.path}, its metadata {_KEY.decode()!r}"
        try:
            value = json.loads(metadata[_KEY])
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{place}: no valid JSON: {error}") from error
        return MadeWith.from_json(value, place)

    def _batches(self, size: int, columns: Sequence[str]) -> Iterator[Any]:
        with self._told():
            yield from self._file.iter_batches(batch_size=size, columns=list(columns))

    # -- vectors ----------------------------------------------------------------------------

    def _dimensions(self) -> int:
        """Of the first vector; the others must have as many."""
        for batch in self._batches(1, [self._vector]):
            return int(self._lengths(self._lists(batch.column(0)), 0)[0])
        return 0

    def _numbers(self, column: Any, start: int) -> RawVectors:
        """(n, dim) of the vectors from row `start`."""
        lists = self._lists(column)
        lengths = self._lengths(lists, start)
        if (lengths != self.dim).any():
            wrong = int(np.argmax(lengths != self.dim))
            raise UsageError(
                f"{self.vector_place(start + wrong)}: {lengths[wrong]} numbers, where the first"
                f" row has {self.dim}"
            )
        numbers = lists.flatten()
        if numbers.null_count:
            row = int(np.argmax(_nulls(numbers))) // self.dim
            raise UsageError(f"{self.vector_place(start + row)}: a number is missing (null)")
        return np.asarray(numbers.to_numpy(zero_copy_only=False)).reshape(len(lists), self.dim)

    def _lists(self, column: Any) -> Any:
        """The column as lists of floating-point numbers."""
        types = self._arrow.types
        if isinstance(column, self._arrow.ExtensionArray):  # of a tensor type
            column = column.storage
        kind = column.type
        if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
            raise UsageError(
                f"{self.path}, column {self._vector!r}: expected lists of floats, found {kind}"
            )
        if not types.is_floating(kind.value_type):
            raise UsageError(
                f"{self.path}, column {self._vector!r}: expected lists of float16, float32 or"
                f" float64, found {kind}"
            )
        return column

    def _lengths(self, lists: Any, start: int) -> Any:
        """How many numbers each list has (n,)."""
        if lists.null_count:
            row = start + int(np.argmax(_nulls(lists)))
            raise UsageError(f"{self.vector_place(row)}: there is no vector (null)")
        if self._arrow.types.is_fixed_size_list(lists.type):
            return np.full(len(lists), lists.type.list_size)
        offsets = lists.offsets.to_numpy()
        return offsets[1:] - offsets[:-1]

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What pyarrow says of a file that it cannot read, in one line with its name."""
        try:
            yield
        except (self._arrow.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise UsageError(f"{self.path}: cannot be read as Parquet: {reason}") from error


def _nulls(array: Any) -> Any:
    return array.is_null().to_numpy(zero_copy_only=False)


def _pyarrow() -> tuple[Any, Any]:
    """pyarrow and its Parquet, imported now.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(f"Parquet needs pyarrow: pip install pyarrow ({error})") from error
    return arrow, parquet
