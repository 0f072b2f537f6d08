"""codeindex embed --index: an index of the same vectors, searched with the same encoder."""

from __future__ import annotations

import json

import numpy as np
import pytest
from test_embed import embedding, papers, snippet

from codeindex import Index
from codeindex.embedding.context import PaperContext
from codeindex.embedding.indexed import IndexFromVectors
from codeindex.errors import (
    EncoderMismatch,
    IndexLockedError,
    IndexVersionError,
    NotFoundError,
    UsageError,
)
from codeindex.guarded import GuardedEncoder
from codeindex.locking import writing

WORDS = ["apple", "hammer", "socket", "matrix", "pixel"]


def rows(count=20):
    return [
        snippet(number, code=f"def f{number}():\n    {WORDS[number % 5]}{number} = {number}\n")
        for number in range(count)
    ]


def target(folder, host, encoder="words", **options):
    return IndexFromVectors(folder, host, encoder, options, None, {})


def made(host, name="words", **options):
    offer = host.encoders.get(name)
    return lambda: GuardedEncoder(host.make(offer, "encoder", options, offer.spec.make), offer)


def run(tmp_path, host, data=None, **options):
    options.setdefault("index", target(tmp_path / "idx", host))
    job = embedding(tmp_path, rows() if data is None else data, **options)
    return job.run(made(host))


def test_it_is_searched_with_the_vectors_of_the_file(tmp_path, host, toys):
    receipt = run(tmp_path, host)
    assert receipt.index == str(tmp_path / "idx")
    assert len(toys.embedded) == 20, "each text was embedded once"
    with Index.open(index=tmp_path / "idx", host=host) as index:
        (found,) = index.search("matrix13", 1)
        assert index.verify().ok
        facts = index.status()
        snippets = list(index.snippets())
    assert len(toys.embedded) == 20
    assert (found.snippet.name, found.snippet.path) == ("Class.f13", "repo/src/a.py")
    assert (found.snippet.kind, found.snippet.language) == ("method", "python")
    assert (found.snippet.start_line, found.snippet.end_line) == (14, 15)
    assert found.snippet.extra == {
        key: rows()[13][key]
        for key in (
            *("paper_id", "paper_title", "paper_abstract", "paper_url"),
            *("repo_name", "repo_url", "file_path"),
        )
    }
    vectors = np.load(tmp_path / "out" / "code_embeddings.npy")
    query = toys.encoders[-1].encode_queries(["matrix13"])[0]
    assert found.cosine == pytest.approx(float((vectors @ query).max()), abs=1e-6)
    assert len(snippets) == facts["snippets"] == 20
    assert facts["texts"]["recipe"] == "paper-context/1 weight 0.3"


def test_code_files_of_papers(tmp_path, host):
    run(tmp_path, host, papers())
    with Index.open(index=tmp_path / "idx", host=host) as index:
        (found,) = index.search("apple", 1)
        assert index.verify().ok
    assert (found.snippet.path, found.snippet.kind) == ("r2.git/src/a.py", "file")
    assert found.snippet.extra["paper_title"] == "One"


def test_one_snippet_under_two_papers_is_found_twice(tmp_path, host):
    data = [snippet(1), snippet(1), snippet(1, paper_title="Another")]
    run(tmp_path, host, data)
    with Index.open(index=tmp_path / "idx", host=host) as index:
        assert len(index.search("f1", 10)) == 3
        assert index.verify().ok


def test_an_index_can_be_asked_for_later(tmp_path, host, toys):
    run(tmp_path, host, index=None)
    before = len(toys.embedded)
    receipt = run(tmp_path, host)
    assert (receipt.resumed, receipt.encoded) == (20, 0)
    assert len(toys.embedded) == before
    with Index.open(index=tmp_path / "idx", host=host) as index:
        assert index.status()["snippets"] == 20


def test_made_again_it_holds_the_new_snippets_only(tmp_path, host):
    run(tmp_path, host)
    run(tmp_path, host, rows(7), texts=PaperContext(None))
    with Index.open(index=tmp_path / "idx", host=host) as index:
        assert index.status()["snippets"] == 7
        assert index.verify().ok
    assert sorted(path.name for path in tmp_path.iterdir()) == ["idx", "in.json", "out"]


# -- recipes never meet ----------------------------------------------------------------------


def test_source_files_and_papers_do_not_mix(tmp_path, tree, host):
    run(tmp_path, host)
    with Index.open(tree, index=tmp_path / "idx", host=host) as index:
        for work in (index.update, index.reencode):
            with pytest.raises(UsageError, match="made by codeindex embed from .*in.json"):
                work()
        assert index.status()["snippets"] == 20
    with Index.open(tree, create=True, encoder="words", host=host) as index:
        index.update()
        folder = index.folder
    with pytest.raises(UsageError, match="one of source files"):
        run(tmp_path, host, index=target(folder, host))


def test_the_recipe_and_its_weight_are_part_of_the_fingerprint(tmp_path, host):
    seen = set()
    for texts in (PaperContext(None), PaperContext(0.3), PaperContext(0.31)):
        run(tmp_path, host, texts=texts)
        with Index.open(index=tmp_path / "idx", host=host) as index:
            seen.add(index.status()["encoder"]["fingerprint"])
    assert len(seen) == 3


def test_another_encoder_is_refused_at_the_search(tmp_path, host):
    run(tmp_path, host)
    options = {"salt": "another"}
    with Index.open(
        index=tmp_path / "idx", encoder="words", encoder_options=options, host=host
    ) as index:
        with pytest.raises(EncoderMismatch):
            index.search("apple")


def test_a_lost_vector_is_made_again_of_the_same_text(tmp_path, host):
    run(tmp_path, host)
    with Index.open(index=tmp_path / "idx", host=host) as index:
        before = index.search("socket17", 5)
        with index._store.writing() as catalog, catalog.transaction():
            catalog._connection.execute("DELETE FROM vectors WHERE id % 2 = 0")
        assert not index.verify().ok
        assert index.verify(repair=True).ok
        after = index.search("socket17", 5)
    assert [(hit.snippet.name, hit.score) for hit in after] == [
        (hit.snippet.name, pytest.approx(hit.score, abs=1e-6)) for hit in before
    ]


def test_a_recipe_of_a_newer_version_is_refused(tmp_path, host):
    run(tmp_path, host)
    with Index.open(index=tmp_path / "idx", host=host) as index:
        with index._store.writing() as catalog, catalog.transaction():
            catalog.set_manifest({"texts": {"recipe": "new/9", "weight": 0.3, "input": "x"}})
        with pytest.raises(IndexVersionError, match="new/9"):
            index.search("apple")


# -- places ----------------------------------------------------------------------------------


def test_places_that_cannot_hold_the_index(tmp_path, host, toys):
    full = tmp_path / "full"
    full.mkdir()
    (full / "note").write_text("mine")
    for folder, why in (
        (full, "not empty and holds no index"),
        (tmp_path / "out", "folder of its own"),
        (tmp_path, "folder of its own"),
    ):
        with pytest.raises(UsageError, match=why):
            run(tmp_path, host, index=target(folder, host))
    unknown = IndexFromVectors(tmp_path / "idx", host, "words", {}, "nope", {})
    with pytest.raises(NotFoundError, match="no backend 'nope'"):
        run(tmp_path, host, index=unknown)
    assert not toys.embedded, "refused before any work"
    assert (full / "note").read_text() == "mine"
    assert not (tmp_path / "out").exists()


def test_inside_the_output_and_in_an_empty_folder(tmp_path, host):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "out" / "index", tmp_path / "deep" / "er", tmp_path / "empty"):
        run(tmp_path, host, index=target(folder, host))
        with Index.open(index=folder, host=host) as index:
            assert index.verify().ok


def test_a_run_that_failed_keeps_the_old_index_and_the_vectors(tmp_path, host, toys):
    run(tmp_path, host)
    with writing(tmp_path / "idx"), pytest.raises(IndexLockedError):
        run(tmp_path, host, rows(9))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["idx", "in.json", "out"]
    with Index.open(index=tmp_path / "idx", host=host) as index:
        assert index.status()["snippets"] == 20
    toys.encoders.clear()
    assert run(tmp_path, host, rows(9)).resumed == 9
    assert not toys.embedded
    with Index.open(index=tmp_path / "idx", host=host) as index:
        assert index.status()["snippets"] == 9
    assert json.loads((tmp_path / "out" / "metadata.json").read_text())[8]["paper_id"] == "1706.8"
