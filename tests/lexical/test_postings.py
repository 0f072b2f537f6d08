"""Postings: what is written is read, cut into blocks and merged as if made at once."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.lexical.building import documents_and_postings
from codeindex.lexical.documents import decode_documents, encode_documents
from codeindex.lexical.merging import first_to_merge, merged
from codeindex.lexical.postings import Postings, decode_postings, encode_postings
from codeindex.words import searchable_words

WORDS = st.lists(st.from_regex(r"[a-z]{1,3}|[ж検]{1,2}", fullmatch=True), max_size=40).map(" ".join)
FIELDS = st.tuples(WORDS, WORDS, WORDS, WORDS)


def as_dict(postings: Postings) -> dict[str, list]:
    assert list(postings.words) == sorted(set(postings.words))
    found = {word: postings.of(word) for word in postings.words}
    return {word: [p.tolist(), c.tolist()] for word, (p, c) in found.items()}


def made(documents: list[tuple[str, str, str, str]]):
    return documents_and_postings(range(5, 5 + len(documents)), documents)


@given(st.lists(FIELDS, min_size=1, max_size=8))
def test_postings_hold_what_was_counted_and_come_back_as_they_were(documents):
    facts, postings = made(documents)
    for number, fields in enumerate(documents):
        for field, text in enumerate(fields):
            assert facts.lengths[number, field] == len(searchable_words(text))
            for word in set(searchable_words(text)):
                positions, counts = postings.of(word)
                (place,) = np.flatnonzero(positions == number)
                assert counts[place, field] == searchable_words(text).count(word)
    for block in postings.blocks():
        assert as_dict(decode_postings(encode_postings(block))) == as_dict(block)
    again = decode_documents(*encode_documents(facts))
    assert again.ids.tolist() == facts.ids.tolist() == list(range(5, 5 + len(documents)))
    assert again.lengths.tolist() == facts.lengths.tolist()


def test_a_word_that_is_not_there_has_no_postings():
    _, postings = made([("b d", "", "", "")])
    assert [postings.of(word) for word in "ace"] == [None, None, None]


def test_counts_and_lengths_stop_at_what_their_place_holds():
    documents, postings = made([("a " * 70_000, "b " * 300, "", "")])
    assert documents.lengths.tolist() == [[65_535, 300, 0, 0]]
    assert postings.of("a")[1].tolist() == [[255, 0, 0, 0]]
    assert postings.of("b")[1].tolist() == [[0, 255, 0, 0]]


def test_blocks_are_small_and_hold_all():
    texts = [" ".join(f"x{n}q w" for n in range(first, 900 + first)) for first in (0, 9)]
    _, postings = made([(text, "", "", "") for text in texts])
    blocks = list(postings.blocks())
    assert len(blocks) > 3
    assert max(len(encode_postings(block)) for block in blocks) < 10_000
    together: dict[str, list] = {}
    for block in blocks:
        together |= as_dict(block)
    assert list(together) == list(postings.words)
    assert together == as_dict(postings)


@given(
    st.lists(st.lists(FIELDS, min_size=1, max_size=4), min_size=1, max_size=4),
    st.integers(1, 40),
    st.integers(0, 3),
)
def test_merged_segments_are_as_one_made_at_once(parts, at_a_time, every):
    everything = [fields for part in parts for fields in part]
    keep = [not every or number % (every + 1) != 0 for number in range(len(everything))]
    places = np.where(keep, np.cumsum(keep) - 1, -1)
    segments, at = [], 0
    for part in parts:
        blocks = each_word(made(part)[1])
        segments.append((blocks, places[at : at + len(part)]))
        at += len(part)
    found: dict[str, list] = {}
    for piece in merged(segments, at_a_time):
        assert not found or max(found) < piece.words[0]
        found |= as_dict(piece)
    kept = [fields for fields, stays in zip(everything, keep, strict=True) if stays]
    assert found == (as_dict(made(kept)[1]) if kept else {})


def each_word(postings: Postings):
    """Blocks of three words."""
    for first in range(0, len(postings.words), 3):
        yield postings.part(first, first + 3)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50))), st.sampled_from([1 / 7, 2.0]))
def test_what_is_merged_leaves_segments_that_are_well(sizes, ratio):
    live, removed = [size for size, _ in sizes], [gone for _, gone in sizes]
    first = first_to_merge(live, removed, ratio)
    if first is not None:
        live = [*live[:first], sum(live[first:])]
        removed = [*removed[:first], 0]
    for number, (size, gone) in enumerate(zip(live[:-1], removed, strict=False)):
        assert size >= ratio * sum(live[number + 1 :])
        assert gone <= size


@given(st.binary(max_size=60))
def test_bytes_that_are_no_postings_are_refused_or_read_whole(data):
    try:
        postings = decode_postings(data)
    except (ValueError, struct.error):
        return
    assert len(postings.words) == len(postings.sizes)
    assert len(postings.positions) == len(postings.counts) == postings.sizes.sum()


def test_ids_that_do_not_ascend_are_refused():
    documents, _ = made([("a", "", "", ""), ("b", "", "", "")])
    ids, lengths = encode_documents(documents)
    with pytest.raises(ValueError, match="ascend"):
        decode_documents(ids[8:] + ids[:8], lengths)
