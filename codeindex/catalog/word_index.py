"""The word index of one catalog: what its connection sees of it, and changes to it."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from codeindex.catalog import segments as tables
from codeindex.catalog.blobs import lost
from codeindex.catalog.rows import SnippetValues
from codeindex.catalog.segments import Removed, SegmentRow
from codeindex.catalog.words import facets_of_values, fields_of
from codeindex.filters import Filter
from codeindex.lexical.bm25f import WordPostings, scored
from codeindex.lexical.building import documents_and_postings
from codeindex.lexical.collection import Collection, collection_of
from codeindex.lexical.documents import Documents, joined, kept
from codeindex.lexical.facets import facets_of, joined_facets
from codeindex.lexical.merging import AT_WORK, first_to_merge, merged
from codeindex.lexical.postings import Counts
from codeindex.lexical.scores import LexicalScores, Mask, Scores
from codeindex.lexical.weights import FieldWeights

_FILTERS = 16  # of which the masks are kept


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    row: SegmentRow
    documents: Documents
    firsts: Sequence[str]
    removed: Removed


@dataclass(slots=True, eq=False)
class _View:
    """The index at one state, and what was worked out of it."""

    segments: tuple[_Segment, ...]
    collection: Collection
    per_word: dict[FieldWeights, Scores] = field(default_factory=dict)
    masks: dict[Filter, Mask] = field(default_factory=dict)


class WordIndex:
    """Words of all snippets. Methods that write are to be called inside a transaction,
    `scores` inside one that reads at least: all of it is of one moment then."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Reads nothing yet."""
        self._connection = connection
        self._rows: tuple[SegmentRow, ...] = ()
        self._segments: dict[int, _Segment] = {}
        self._view: _View | None = None

    def forget(self) -> None:
        """To be called when what was written is taken back: numbers may be used again."""
        self._segments, self._view = {}, None

    # -- reading ----------------------------------------------------------------------------

    def scores(self, query: Mapping[str, float], fields: FieldWeights) -> LexicalScores:
        """What words, each with its weight, give to the documents.

        Raises:
            sqlite3.DatabaseError: a row is not what was written.
        """
        view = self._seen()
        if fields not in view.per_word:
            view.per_word = {fields: view.collection.per_word(fields)}
        found = self._postings(view.segments, query)
        try:
            return scored(
                view.collection,
                view.per_word[fields],
                fields,
                found,
                lambda where: self._mask(view, where),
            )
        except IndexError as error:
            raise lost("word_blocks") from error

    def _postings(
        self, segments: Sequence[_Segment], query: Mapping[str, float]
    ) -> Iterator[WordPostings]:
        for word, weight in query.items():
            positions, counts = [], []
            first = 0
            for segment in segments:
                found = self._in_segment(segment, word)
                if found is not None:
                    positions.append(found[0] + first)
                    counts.append(found[1])
                first += len(segment.documents)
            if len(positions) == 1:
                yield WordPostings(word, weight, positions[0], counts[0])
            elif positions:
                yield WordPostings(word, weight, np.concatenate(positions), np.concatenate(counts))

    def _in_segment(
        self, segment: _Segment, word: str
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], Counts] | None:
        number = bisect_right(segment.firsts, word) - 1
        if number < 0:
            return None
        found = tables.read_block(self._connection, segment.row, number).of(word)
        return None if found is None else (found[0].astype(np.intp), found[1])

    def _mask(self, view: _View, where: Filter) -> Mask:
        if where not in view.masks:
            if len(view.masks) >= _FILTERS:
                view.masks.clear()
            parts = [
                tables.read_facets(self._connection, segment.row).matching(where)
                for segment in view.segments
            ]
            view.masks[where] = np.concatenate(parts) if parts else np.zeros(0, dtype=np.bool_)
        return view.masks[where]

    def _seen(self) -> _View:
        """The index as it is now; what was read of a segment before is used again."""
        rows = tables.read_state(self._connection)
        if self._view is None or rows != self._rows:
            known = self._segments
            segments = tuple(self._segment(known.get(row.id), row) for row in rows)
            self._segments = {segment.row.id: segment for segment in segments}
            try:
                collection = collection_of([(each.documents, each.removed) for each in segments])
            except ValueError as error:
                raise lost("word_segments") from error
            self._rows, self._view = rows, _View(segments, collection)
        return self._view

    def _segment(self, known: _Segment | None, row: SegmentRow) -> _Segment:
        if known is None:
            documents, firsts = tables.read_documents(self._connection, row)
            return _Segment(row, documents, firsts, tables.read_removed(self._connection, row))
        if known.row == row:
            return known
        return replace(known, row=row, removed=tables.read_removed(self._connection, row))

    # -- writing ----------------------------------------------------------------------------

    def add(self, ids: Sequence[int], rows: Sequence[SnippetValues]) -> None:
        """Adds snippets with ids that ascend, and are above all that were ever there."""
        documents, postings = documents_and_postings(ids, map(fields_of, rows))
        facets = facets_of(map(facets_of_values, rows))
        row = tables.write_segment(self._connection, documents, facets, [postings])
        tables.write_state(self._connection, [*tables.read_state(self._connection), row])
        self.merge(AT_WORK)

    def remove(self, ids: Sequence[int]) -> None:
        """Removes documents by id."""
        wanted = np.unique(np.array(ids, dtype=np.int64))
        rows = []
        for segment in self._seen().segments:
            gone = segment.documents.positions(wanted)
            row = segment.row
            if len(gone):
                removed = np.union1d(segment.removed, gone)
                tables.write_removed(self._connection, row.id, removed)
                row = replace(row, removed=len(removed))
            rows.append(row)
        tables.write_state(self._connection, rows)

    def merge(self, ratio: float) -> None:
        """Merges segments, see `first_to_merge`."""
        rows = tables.read_state(self._connection)
        live = [row.documents - row.removed for row in rows]
        first = first_to_merge(live, [row.removed for row in rows], ratio)
        if first is not None:
            self._merge_from(first)

    def compact(self) -> None:
        """Makes one segment of all, without a trace of what was removed."""
        rows = tables.read_state(self._connection)
        if len(rows) > 1 or any(row.removed for row in rows):
            self._merge_from(0)

    def clear(self) -> None:
        """Empties the index."""
        tables.clear_segments(self._connection)
        tables.write_state(self._connection, ())
        self.forget()

    def _merge_from(self, first: int) -> None:
        segments = self._seen().segments
        stay, go = segments[:first], segments[first:]
        masks = [kept(segment.documents, segment.removed) for segment in go]
        documents = joined([(each.documents, mask) for each, mask in zip(go, masks, strict=True)])
        rows = [segment.row for segment in stay]
        if len(documents):
            facets = joined_facets(
                (tables.read_facets(self._connection, each.row), mask)
                for each, mask in zip(go, masks, strict=True)
            )
            places = np.split(_places(np.concatenate(masks)), _ends(masks))
            blocks = [tables.read_blocks(self._connection, each.row) for each in go]
            parts = merged(list(zip(blocks, places, strict=True)))
            rows.append(tables.write_segment(self._connection, documents, facets, parts))
        tables.drop_segments(self._connection, [segment.row for segment in go])
        tables.write_state(self._connection, rows)

    # -- whole ------------------------------------------------------------------------------

    def problem(self) -> str | None:
        """What is wrong with it, or None: every row is read, and compared with the snippets."""
        try:
            segments = self._seen().segments
            for segment in segments:
                tables.read_facets(self._connection, segment.row)
                for _ in tables.read_blocks(self._connection, segment.row):
                    pass
            strays = tables.strays(self._connection, [segment.row for segment in segments])
        except sqlite3.DatabaseError as error:
            return f"the word index is damaged ({error})"
        if strays:
            return f"the word index is damaged ({strays} rows belong to nothing)"
        collection = self._seen().collection
        held = collection.ids if collection.live is None else collection.ids[collection.live]
        wanted = [row[0] for row in self._connection.execute("SELECT id FROM snippets")]
        missing, extra = np.setdiff1d(wanted, held), np.setdiff1d(held, wanted)
        if len(missing) or len(extra):
            return f"the word index lacks {len(missing)} snippets and has {len(extra)} too many"
        return None


def _places(mask: Mask) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(n,) the position of each kept document among those kept; −1 for others."""
    return np.where(mask, np.cumsum(mask) - 1, -1)


def _ends(masks: Sequence[Mask]) -> list[int]:
    return [int(end) for end in np.cumsum([len(mask) for mask in masks])[:-1]]
