"""The kit accepts what is right and rejects every fault that is planted."""

from __future__ import annotations

import dataclasses
import itertools
import sys

import numpy as np
import pytest
from kit_toys import GoodBackend, GoodEncoder, GoodReranker, Parts
from toys import ParagraphExtractor

from codeindex.errors import ExtractionError
from codeindex.interfaces import EncoderInfo, Hit
from codeindex.testing import (
    BackendContract,
    EncoderContract,
    ExtractorContract,
    PluginContract,
    RerankerContract,
    Status,
    run_contract,
)
from codeindex.testing.contract import promises


def broken(contract, **facts) -> dict[str, str]:
    """Test name → what the kit says, for every promise that it finds broken."""
    suite = type("Suite", (contract,), facts)
    return {
        outcome.test: outcome.detail
        for outcome in run_contract(suite)
        if outcome.status is Status.BROKEN
    }


@pytest.mark.parametrize(
    "contract", [BackendContract, EncoderContract, ExtractorContract, RerankerContract]
)
def test_the_faultless_plugin_keeps_every_promise(contract):
    outcomes = list(run_contract(type("Suite", (contract,), {"plugin": "kit_toys"})))
    assert {outcome.status for outcome in outcomes} == {Status.KEPT}, outcomes
    assert len(outcomes) >= 9


# -- backends -----------------------------------------------------------------------------------


class Distances(GoodBackend):
    def search(self, queries, k, where):
        return [
            [Hit(hit.id, float(np.sqrt(max(0, 2 - 2 * hit.score)))) for hit in hits]
            for hits in super().search(queries, k, where)
        ]


class WorstFirst(GoodBackend):
    def search(self, queries, k, where):
        return [hits[::-1] for hits in super().search(queries, k, where)]


class LeakedMinusOne(GoodBackend):
    def search(self, queries, k, where):
        fill = Hit(-1, -3.4e38)
        return [hits + [fill] * (k - len(hits)) for hits in super().search(queries, k, where)]


class NormalisesInPlace(GoodBackend):
    def add(self, ids, vectors, payloads):
        super().add(ids, vectors, payloads)
        if vectors.dtype == np.float32:
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)


class ForgetsToPersist(GoodBackend):
    def commit(self):
        super().commit()
        return {}


class KeepsTheRemoved(GoodBackend):
    def remove(self, ids):
        pass


class AddsTwice(GoodBackend):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.twice = []

    def add(self, ids, vectors, payloads):
        self.twice += [id for id in ids if id in self.rows]
        super().add(ids, vectors, payloads)

    def ids(self):
        return sorted([*super().ids(), *self.twice])


class FiltersTooLate(GoodBackend):
    def search(self, queries, k, where):
        from codeindex.filters import Filter, Payload

        return [
            [hit for hit in hits if where.matches(Payload(*self.rows[hit.id][1]))]
            for hits in super().search(queries, k, Filter())
        ]


class TiesAsTheyCome(GoodBackend):
    def search(self, queries, k, where):
        answers = super().search(queries, len(self.rows) or 1, where)
        return [sorted(hits, key=lambda hit: (-hit.score, -hit.id))[:k] for hits in answers]


class TakesAnything(GoodBackend):
    def add(self, ids, vectors, payloads):
        super().add(ids, np.nan_to_num(vectors), payloads)


class OneFile(GoodBackend):
    def commit(self):
        for path in self.folder.glob("gen*.json"):
            path.unlink()
        return super().commit()


class WrongDigest(GoodBackend):
    def commit(self):
        return dict.fromkeys(super().commit(), "0" * 64)


class MissesSome(GoodBackend):
    def search(self, queries, k, where):
        return [hits[1:] + hits[:0] for hits in super().search(queries, k + 1, where)]


BACKENDS = {
    Distances: "scores_are_inner_products",
    WorstFirst: "scores_are_inner_products",
    LeakedMinusOne: "invents_nothing",
    NormalisesInPlace: "inputs_are_left_untouched",
    ForgetsToPersist: "closed_and_opened",
    KeepsTheRemoved: "removed_ids_are_gone",
    AddsTwice: "adding_an_id_again",
    FiltersTooLate: "filters_are_exact",
    TiesAsTheyCome: "ties_come_by_id",
    TakesAnything: "no_vector_is_refused",
    OneFile: "leaves_the_files",
    WrongDigest: "names_its_files",
    MissesSome: "nearest_are_found",
}


@pytest.mark.parametrize("fault", BACKENDS, ids=lambda fault: fault.__name__)
def test_a_faulty_backend_is_rejected(fault):
    found = broken(BackendContract, plugin=Parts(backend=fault))
    assert any(BACKENDS[fault] in name for name in found), found
    assert all(detail for detail in found.values())


def test_a_commit_that_can_be_torn_is_rejected(tmp_path, monkeypatch):
    (tmp_path / "torn_plugin.py").write_text(
        "import kit_toys\n"
        "class Torn(kit_toys.GoodBackend):\n"
        "    def commit(self):\n"
        "        for path in self.folder.glob('gen*.json'):\n"
        "            path.write_text('{}')\n"
        "        return super().commit()\n"
        "_PARTS = kit_toys.Parts(backend=Torn)\n"
        "@kit_toys.hookimpl\n"
        "def codeindex_backends():\n"
        "    return _PARTS.codeindex_backends()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = broken(BackendContract, plugin="torn_plugin")
    (detail,) = (text for name, text in found.items() if "killed_at_any_step" in name)
    assert "the old state is gone" in detail


# -- encoders -----------------------------------------------------------------------------------


class OrderLost(GoodEncoder):
    def encode_queries(self, texts):
        return super().encode_queries(sorted(texts, key=len))


class PaddingLeaks(GoodEncoder):
    def encode_queries(self, texts):
        vectors = super().encode_queries(texts)
        longest = max(map(len, texts), default=0)
        for row, text in enumerate(texts):
            vectors[row, 0] += 1e-5 * (longest - len(text))
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.where(norms == 0, 1, norms)).astype(np.float32)


class AnyLength(GoodEncoder):
    def encode_queries(self, texts):
        return 2 * super().encode_queries(texts)


class Doubles(GoodEncoder):
    def encode_queries(self, texts):
        return super().encode_queries(texts).astype(np.float64)


class OtherSpace(GoodEncoder):
    def encode_corpus(self, texts):
        return -super().encode_corpus(texts)


class NewFingerprint(GoodEncoder):
    number = itertools.count()

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.print = f"{next(self.number)}"

    def encode_queries(self, texts):
        return super().encode_queries(texts)

    @property
    def info(self):
        return dataclasses.replace(self._info, fingerprint=getattr(self, "print", "words"))

    @info.setter
    def info(self, value):
        self._info = value


class EmptyIsFlat(GoodEncoder):
    def encode_queries(self, texts):
        return super().encode_queries(texts) if texts else np.zeros(0, dtype=np.float32)


class DropsTheEmpty(GoodEncoder):
    def encode_queries(self, texts):
        return super().encode_queries([text for text in texts if text.strip()])


class Noisy(GoodEncoder):
    generator = np.random.default_rng(0)

    def encode_queries(self, texts):
        vectors = super().encode_queries(texts)
        vectors += 0.01 * self.generator.normal(size=vectors.shape).astype(np.float32)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class SortsTheCallersList(GoodEncoder):
    def encode_queries(self, texts):
        vectors = super().encode_queries(texts)
        texts.sort()
        return vectors


class NotANumber(GoodEncoder):
    def encode_queries(self, texts):
        vectors = super().encode_queries(texts)
        vectors[[not text.strip() for text in texts]] = np.nan
        return vectors


class Nameless(GoodEncoder):
    def __init__(self, dim, salt):
        super().__init__(dim, salt)
        self.info = EncoderInfo("", "", dim, 0)


ENCODERS = {
    OrderLost: "order_of_the_texts",
    PaddingLeaks: "company",
    AnyLength: "unit_length",
    Doubles: "shape_and_type",
    OtherSpace: "share_a_space",
    NewFingerprint: "fingerprint",
    EmptyIsFlat: "no_texts",
    DropsTheEmpty: "any_kind",
    Noisy: "same_text",
    SortsTheCallersList: "untouched",
    NotANumber: "finite",
    Nameless: "says_what_it_is",
}


@pytest.mark.parametrize("fault", ENCODERS, ids=lambda fault: fault.__name__)
def test_a_faulty_encoder_is_rejected(fault):
    found = broken(EncoderContract, plugin=Parts(encoder=fault))
    assert any(ENCODERS[fault] in name for name in found), found


# -- extractors ---------------------------------------------------------------------------------


class OffByOne(ParagraphExtractor):
    def extract(self, source):
        for item in super().extract(source):
            yield dataclasses.replace(item, start_line=item.start_line - 1)


class Strips(ParagraphExtractor):
    def extract(self, source):
        for item in super().extract(source):
            yield dataclasses.replace(item, code=item.code.replace("\n", " "))


class Eager(ParagraphExtractor):
    def extract(self, source):
        return list(super().extract(source))


class Backwards(ParagraphExtractor):
    def extract(self, source):
        yield from reversed(list(super().extract(source)))


class NewNames(ParagraphExtractor):
    number = itertools.count()

    def extract(self, source):
        for item in super().extract(source):
            yield dataclasses.replace(item, name=f"n{next(self.number)}")


class Stumbles(ParagraphExtractor):
    def extract(self, source):
        if len(source.text) < 3:
            raise IndexError("list index out of range")
        yield from super().extract(source)


class Sulks(ParagraphExtractor):
    offended = False

    def extract(self, source):
        if len(source.text) < 20 or self.offended:
            self.offended = True
            raise ExtractionError("too short")
        yield from super().extract(source)


class OtherPath(ParagraphExtractor):
    def extract(self, source):
        for item in super().extract(source):
            yield dataclasses.replace(item, path=f"/abs/{item.path}")


class Silent(ParagraphExtractor):
    def extract(self, source):
        yield from ()


class SetsInExtra(ParagraphExtractor):
    def extract(self, source):
        for item in super().extract(source):
            yield dataclasses.replace(item, extra={"words": (1, 2)})


class ReadsAhead(ParagraphExtractor):
    streams = True

    def extract(self, source):
        text = source.location.read_text()
        if not text.rstrip().endswith("soft"):
            raise ExtractionError("the end is missing")
        yield from super().extract(dataclasses.replace(source, text=text))


class Streams(ParagraphExtractor):
    streams = True

    def extract(self, source):
        text = source.location.read_bytes().decode()
        yield from super().extract(dataclasses.replace(source, text=text))


EXTRACTORS = {
    ReadsAhead: "as_they_are_asked",
    OffByOne: "spans",
    Strips: "spans",
    Eager: "as_they_are_asked",
    Backwards: "in_order",
    NewNames: "stable",
    Stumbles: "odd_sources",
    Sulks: "spoil",
    OtherPath: "where_they_are_from",
    Silent: "samples_give",
    SetsInExtra: "where_they_are_from",
}


@pytest.mark.parametrize("fault", EXTRACTORS, ids=lambda fault: fault.__name__)
def test_a_faulty_extractor_is_rejected(fault):
    found = broken(ExtractorContract, plugin=Parts(extractor=fault))
    assert any(EXTRACTORS[fault] in name for name in found), found


def test_an_extractor_that_streams_is_accepted():
    assert broken(ExtractorContract, plugin=Parts(extractor=Streams)) == {}


# -- rerankers ----------------------------------------------------------------------------------


class BestFirst(GoodReranker):
    def rerank(self, query, texts):
        return sorted(super().rerank(query, texts), reverse=True)


class OneForAll(GoodReranker):
    def rerank(self, query, texts):
        return [1.0 for _ in texts]


class Deaf(GoodReranker):
    def rerank(self, query, texts):
        return super().rerank("parse text", texts)


class Relative(GoodReranker):
    def rerank(self, query, texts):
        scores = super().rerank(query, texts)
        best = max(scores, default=0) or 1
        return [score / best + 0.01 * len(texts) for score in scores]


class PaddingScores(GoodReranker):
    def rerank(self, query, texts):
        longest = max(map(len, texts), default=0)
        scores = super().rerank(query, texts)
        return [s + (longest - len(t)) / 1e4 for s, t in zip(scores, texts, strict=True)]


class Counts(GoodReranker):
    def __init__(self):
        self.calls = 0

    def rerank(self, query, texts):
        self.calls += 1
        return [score + self.calls for score in super().rerank(query, texts)]


class NothingIsAnError(GoodReranker):
    def rerank(self, query, texts):
        worst = min(super().rerank(query, texts))
        return [score - worst / 1e9 for score in super().rerank(query, texts)]


class LeavesOutTheEmpty(GoodReranker):
    def rerank(self, query, texts):
        return super().rerank(query, [text for text in texts if text.strip()])


class LogOfNothing(GoodReranker):
    def rerank(self, query, texts):
        with np.errstate(divide="ignore"):
            return np.log(np.array(super().rerank(query, texts)))


class NoQuery(GoodReranker):
    def rerank(self, query, texts):
        first = query.split()[0]
        return [score + (first in query) for score in super().rerank(query, texts)]


class SortsTheTexts(GoodReranker):
    def rerank(self, query, texts):
        scores = super().rerank(query, texts)
        texts.sort()
        return scores


RERANKERS = {
    BestFirst: "order_of_the_texts",
    OneForAll: "tell_texts_apart",
    Deaf: "depend_on_the_query",
    Relative: "company",
    PaddingScores: "company",
    Counts: "same_text",
    NothingIsAnError: "no_texts",
    LeavesOutTheEmpty: "texts_of_any_kind",
    LogOfNothing: "one_finite_score",
    NoQuery: "queries_of_any_kind",
    SortsTheTexts: "untouched",
}


@pytest.mark.parametrize("fault", RERANKERS, ids=lambda fault: fault.__name__)
def test_a_faulty_reranker_is_rejected(fault):
    found = broken(RerankerContract, plugin=Parts(reranker=fault))
    assert any(RERANKERS[fault] in name for name in found), found


def test_every_promise_of_a_reranker_has_a_fault_that_breaks_it():
    parts = set(RERANKERS.values())
    assert [n for n in promises(RerankerContract) if not any(part in n for part in parts)] == []


# -- plugins ------------------------------------------------------------------------------------

GOOD = """
from dataclasses import dataclass, field
from codeindex.hookimpl import hookimpl
from codeindex.specs import EncoderSpec

@dataclass(frozen=True)
class Options:
    size: int = field(default=3, metadata={"help": "How large."})

@hookimpl
def codeindex_encoders():
    return [EncoderSpec(name="own", summary="Its own.", make=print, options=Options)]
"""

PLUGINS = {
    "heavy": ("import numpy\n" + GOOD, "quick_to_import"),
    "chatty": ("print('hello')\n" + GOOD, "quick_to_import"),
    "slow": ("import time\nwhile time.process_time() < 1.5: pass\n" + GOOD, "quick_to_import"),
    "hanging": ("import time\ntime.sleep(60)\n" + GOOD, "can_be_imported"),
    "failing": ("raise ImportError('gone')\n" + GOOD, "can_be_imported"),
    "misspelt": (GOOD.replace("codeindex_encoders", "codeindex_encoder"), "hooks_are_hooks"),
    "unexplained": (GOOD.replace('metadata={"help": "How large."}', ""), "explained"),
    "required": (GOOD.replace("default=3, ", ""), "explained"),
    "shouting": (GOOD.replace('"own"', '"Own One"'), "says_what_it_is"),
    "long": (GOOD.replace("Its own.", "own " * 40), "says_what_it_is"),
    "helpless": (GOOD.replace("make=print", "make=print, requires=('x',)"), "be_installed"),
    "clashing": (GOOD.replace('"own"', '"fast"'), "names_are_its_own"),
}


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, text):
        (tmp_path / f"{name}_plugin.py").write_text(text)
        sys.modules.pop(f"{name}_plugin", None)
        return f"{name}_plugin"

    return write


def test_a_faultless_module_keeps_every_promise(module):
    assert broken(PluginContract, plugin=module("good", GOOD)) == {}


@pytest.mark.parametrize("name", PLUGINS)
def test_a_faulty_plugin_is_rejected(module, name):
    text, promise = PLUGINS[name]
    found = broken(PluginContract, plugin=module(name, text), patience=3.0)
    assert any(promise in test for test in found), found
    if name == "hanging":
        assert "more than 3 s" in found["test_it_can_be_imported"]


# -- the rules of the kit -------------------------------------------------------------------------


def test_a_promise_cannot_be_replaced():
    with pytest.raises(TypeError, match="overrides test_ties_come_by_id.*broken_promises"):
        type("Suite", (BackendContract,), {"test_ties_come_by_id": lambda self: None})


def test_only_promises_can_be_declared_broken():
    with pytest.raises(TypeError, match="no promise test_nothing"):
        type("Suite", (BackendContract,), {"broken_promises": {"test_nothing": "why"}})


def test_a_declared_promise_must_really_be_broken():
    facts = {"broken_promises": {"test_ties_come_by_id": "ids are unordered"}}
    ties = "test_ties_come_by_id"
    faulty = type("Suite", (BackendContract,), {"plugin": Parts(backend=TiesAsTheyCome), **facts})
    (outcome,) = (o for o in run_contract(faulty) if o.test == ties)
    assert (outcome.status, outcome.detail) == (Status.DECLARED, "ids are unordered")
    found = broken(BackendContract, plugin=Parts(), **facts)
    assert "take it out of broken_promises" in found[ties]


def test_an_encoder_that_needs_options_is_undecided_without_them():
    suite = type("Suite", (EncoderContract,), {"plugin": "codeindex_onnx", "name": "onnx"})
    outcomes = list(run_contract(suite))
    assert {outcome.status for outcome in outcomes} == {Status.UNDECIDED}
    assert "needs a bundle" in outcomes[0].detail
