"""codeindex embed: texts, files and refusals, on the toy encoder."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import WordEncoder

from codeindex.embedding.context import PaperContext, with_paper
from codeindex.embedding.inputs import Format, Input
from codeindex.embedding.run import Embedding, NothingToEmbed
from codeindex.errors import CodeIndexError, NotFoundError, StorageError, UsageError
from codeindex.guarded import GuardedEncoder
from codeindex.interfaces import EncoderInfo
from codeindex.offers import Offer
from codeindex.specs import EncoderSpec

FIELDS = [
    *("paper_id", "paper_title", "paper_abstract", "paper_url", "repo_name", "repo_url"),
    *("file_path", "function_name", "line_numbers", "has_docstring", "num_lines"),
]


def snippet(number, code=None, **changes):
    row = {
        "paper_id": f"1706.{number}",
        "paper_title": f"Paper {number}",
        "paper_abstract": "An abstract of some length. " * 3,
        "paper_url": "u",
        "repo_name": "repo",
        "repo_url": "https://example.org/repo",
        "file_path": "src/a.py",
        "function_name": f"Class.f{number}",
        "code_text": code or f"def f{number}(x):\n    return x + {number}\n",
        "line_numbers": {"start": number + 1, "end": number + 2},
        "has_docstring": False,
        "num_lines": 2,
        "unknown": ["kept", "out"],
    }
    return row | changes


def papers():
    def file(name, content, **more):
        return {
            "path": f"src/{name}",
            "extension": ".py",
            "language": "Python",
            "content": content,
            "lines": 7,
            "size_bytes": 1,
        } | more

    return [
        {
            "paper": {"arxiv_id": "1", "title": "One", "abstract": "Of apples and pears."},
            "repositories": [
                {"url": "https://h/o/r1", "name": "r1", "cloned": False},
                {
                    "url": "https://h/o/r2.git",
                    "cloned": True,
                    "code_files": [file("a.py", "x = apple\n"), file("b.py", " \n")],
                },
            ],
        },
        {"paper": {"title": None}, "repositories": None},
        {
            "paper": {"arxiv_id": "2"},
            "repositories": [
                {
                    "url": "u",
                    "name": "r3",
                    "cloned": True,
                    "code_files": [{"path": "c.rs", "content": "let y = 1;\nlet z = 2;\n"}],
                }
            ],
        },
    ]


def language_of(name):
    return "python" if name.endswith(".py") else name.rpartition(".")[2]


def embedding(tmp_path, rows, **options):
    path = tmp_path / "in.json"
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows))
    options.setdefault("texts", PaperContext())
    options.setdefault("say", lambda text: None)
    return Embedding(Input(path, language_of), tmp_path / "out", **options)


def outputs(folder):
    vectors = np.load(folder / "code_embeddings.npy")
    return vectors, json.loads((folder / "metadata.json").read_text("utf-8"))


# -- the text --------------------------------------------------------------------------------


def test_the_text_is_as_the_format_says():
    code = "x" * 70
    assert with_paper("Title", "y" * 100, code, 0.3) == f"Paper: Title {'y' * 30}\n\nCode:\n{code}"
    assert with_paper("Title", "short", code, 0.5) == f"Paper: Title short\n\nCode:\n{code}"
    assert with_paper("Title", "short", code, 0) == f"Paper: Title\n\nCode:\n{code}"
    assert with_paper("", "short", code, 0.3) == f"Paper: short\n\nCode:\n{code}"
    assert with_paper("", "", code, 0.3) == code
    assert with_paper("", "short", code, 0) == code


@given(
    st.text(max_size=20),
    st.text(max_size=300),
    st.text(max_size=200),
    st.floats(0, 1, exclude_max=True),
)
def test_the_abstract_is_never_more_than_its_share(title, abstract, code, weight):
    text = with_paper(title, abstract, code, weight)
    assert text.endswith(code)
    head = text[: len(text) - len(code)]
    if not head:
        assert not title.strip()
        return
    assert head.startswith("Paper: ")
    assert head.endswith("\n\nCode:\n")
    paper = head.removeprefix("Paper: ").removesuffix("\n\nCode:\n")
    assert paper.startswith(title.strip())
    cut = paper[len(title.strip()) :].strip()
    assert abstract.strip().startswith(cut)
    assert len(cut) <= weight / (1 - weight) * len(code)
    # Not cut more than it has to be, but for space at its new end.
    most = int(weight / (1 - weight) * len(code))
    assert cut == abstract.strip()[:most].strip()


@pytest.mark.parametrize("weight", [-0.1, 1, 1.5, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(UsageError, match="at least 0 and below 1"):
        PaperContext(weight)


# -- files -----------------------------------------------------------------------------------


def test_snippets_give_vectors_and_metadata_in_their_order(tmp_path):
    rows = [snippet(number) for number in range(600)]
    encoder = WordEncoder(16, "")
    receipt = embedding(tmp_path, rows).run(lambda: encoder)
    vectors, metadata = outputs(tmp_path / "out")
    assert (vectors.shape, vectors.dtype) == ((600, 16), np.float32)
    expected = [
        with_paper(row["paper_title"], row["paper_abstract"], row["code_text"], 0.3) for row in rows
    ]
    assert encoder.embedded == expected
    np.testing.assert_array_equal(vectors, encoder.encode_queries(expected))
    assert metadata == [{key: row[key] for key in FIELDS} for row in rows]
    assert list(metadata[0]) == FIELDS
    assert (receipt.count, receipt.dim, receipt.encoded, receipt.resumed) == (600, 16, 600, 0)
    assert receipt.format == Format.SNIPPETS
    visible = [path.name for path in (tmp_path / "out").iterdir() if path.name[0] != "."]
    assert sorted(visible) == ["code_embeddings.npy", "metadata.json"]


def test_without_paper_context_the_code_alone(tmp_path):
    encoder = WordEncoder(8, "")
    embedding(tmp_path, [snippet(1)], texts=PaperContext(None)).run(lambda: encoder)
    assert encoder.embedded == [snippet(1)["code_text"]]


def test_papers_give_a_vector_for_each_code_file(tmp_path):
    encoder = WordEncoder(8, "")
    receipt = embedding(tmp_path, papers()).run(lambda: encoder)
    vectors, metadata = outputs(tmp_path / "out")
    assert vectors.shape == (2, 8)
    assert encoder.embedded == ["Paper: One Of a\n\nCode:\nx = apple\n", "let y = 1;\nlet z = 2;\n"]
    assert metadata[0] == {
        "arxiv_id": "1",
        "paper_title": "One",
        "repo_name": "r2.git",
        "repo_url": "https://h/o/r2.git",
        "code_file_path": "src/a.py",
        "code_language": "Python",
        "code_file_extension": ".py",
        "code_file_lines": 7,
        "pair_index": 0,
    }
    assert [row["pair_index"] for row in metadata] == [0, 1]
    assert (metadata[1]["code_file_extension"], metadata[1]["code_file_lines"]) == (".rs", 2)
    assert (receipt.format, receipt.empty) == (Format.PAPERS, 1)


def test_missing_and_null_fields_are_empty(tmp_path):
    rows = [{"code_text": "a\nb"}, {"code_text": None, "paper_title": None}]
    receipt = embedding(tmp_path, rows).run(lambda: WordEncoder(8, ""))
    _, metadata = outputs(tmp_path / "out")
    assert metadata[0]["line_numbers"] == {"start": 1, "end": 2}
    assert (metadata[0]["num_lines"], metadata[0]["paper_title"]) == (2, "")
    assert (receipt.count, receipt.empty) == (2, 1)


def test_the_json_file_holds_both_and_only_if_asked_for(tmp_path):
    job = embedding(tmp_path, [snippet(n) for n in range(300)], json=tmp_path / "all.json")
    job.run(lambda: WordEncoder(8, ""))
    vectors, metadata = outputs(tmp_path / "out")
    rows = json.loads((tmp_path / "all.json").read_text())
    assert [row["metadata"] for row in rows] == metadata
    assert {row["embedding_dim"] for row in rows} == {8}
    np.testing.assert_array_equal(np.array([row["embedding"] for row in rows], "f4"), vectors)


def test_odd_characters_and_a_byte_order_mark(tmp_path):
    job = embedding(tmp_path, [snippet(1, paper_title="é\ud800\x00", code="漢 = '\ud83d'")])
    text = job.source.path.read_bytes()
    job.source.path.write_bytes(b"\xef\xbb\xbf" + text)
    encoder = WordEncoder(8, "")
    job.run(lambda: encoder)
    _, metadata = outputs(tmp_path / "out")
    assert metadata[0]["paper_title"].startswith("é")
    encoder.embedded[0].encode()


# -- what is wrong is said -------------------------------------------------------------------

WRONG = {
    "": "in.json is empty",
    " \n": "in.json is empty",
    '{"a": 1}': "not a JSON list",
    "[": "cut off",
    '[{"code_text": "x"}, {"code': "no valid JSON.*cut off",
    '[{"code_text": "x"}] more': "no valid JSON: .*trailing",
    "[1]": "entry 0: expected an object, found a number",
    '[{"a": 1}]': "entry 0: neither a snippet",
    '[{"paper_text": "a", "code_text": "b"}]': "file of pairs",
    '[{"code_text": "x"}, {"code_text": 3}]': "entry 1, field 'code_text': expected a text",
    '[{"code_text": "x", "line_numbers": []}]': "field 'line_numbers': expected an object",
    '[{"code_text": "x", "line_numbers": {"end": "9"}}]': "'line_numbers.end'.*whole number",
    '[{"code_text": "x", "has_docstring": 1}]': "'has_docstring': expected true or false",
    '[{"code_text": "x", "num_lines": true}]': "'num_lines': expected a whole number",
    '[{"paper": [], "repositories": []}]': "field 'paper': expected an object, found",
    '[{"paper": {}, "repositories": {}}]': "field 'repositories': expected a list",
    json.dumps(
        [{"paper": {}, "repositories": [{"cloned": True, "code_files": [{}, {"path": 1}]}]}]
    ): (r"entry 0, field 'repositories\[0\].code_files\[1\].path': expected text"),
}


@pytest.mark.parametrize("text", list(WRONG))
def test_a_wrong_input_is_named_and_leaves_nothing(text, tmp_path):
    with pytest.raises(CodeIndexError, match=WRONG[text]) as caught:
        embedding(tmp_path, text).run(lambda: pytest.fail("no encoder is needed"))
    assert "in.json" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["code_text", "paper", "repositories", "cloned", "code_files", "content"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused_in_one_line(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("any") / "in.json"
    path.write_text(json.dumps(value))
    said = "in.json"
    try:
        for item in Input(path, language_of).items():
            item.snippet.code.encode()
    except CodeIndexError as error:
        said = str(error)
    assert "in.json" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "the list is empty"),
        ('[{"paper": {}, "repositories": [{"cloned": false}]}]', "no repository in it is cloned"),
        (
            '[{"paper": {}, "repositories": [{"cloned": true, "code_files": [{"content": " "}]}]}]',
            "all of its 1 code files are empty",
        ),
    ],
)
def test_nothing_to_embed_is_no_output(text, why, tmp_path):
    with pytest.raises(NothingToEmbed, match=why):
        embedding(tmp_path, text).run(lambda: pytest.fail("no encoder is needed"))
    assert not (tmp_path / "out").exists()


def test_places_that_cannot_be(tmp_path):
    def encoder():
        return WordEncoder(8, "")

    with pytest.raises(NotFoundError, match="no such file"):
        Embedding(Input(tmp_path / "none", language_of), tmp_path / "out", PaperContext()).run(
            encoder
        )
    with pytest.raises(StorageError, match="no folder"):
        embedding(tmp_path, [snippet(1)], json=tmp_path / "no" / "x.json").run(encoder)
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match="is a file"):
        embedding(tmp_path, [snippet(1)]).run(encoder)


class NotANumber:
    """An encoder whose third round is broken."""

    info = EncoderInfo("nan", "nan", 4, 10)

    def __init__(self, broken):
        self.broken = broken
        self.rounds = 0

    def encode_corpus(self, texts):
        self.rounds += 1
        vectors = np.ones((len(texts), 4), dtype=np.float32)
        if self.broken and self.rounds == 3:
            vectors[5, 2] = np.nan
        return vectors


def test_nan_ends_the_run_and_what_was_done_is_kept(tmp_path):
    job = embedding(tmp_path, [snippet(number) for number in range(1000)])
    spec = EncoderSpec(name="nan", summary="", make=lambda options: None)
    offer = Offer(spec, "plug", "dist")
    with pytest.raises(CodeIndexError, match="encoder 'nan'.*NaN"):
        job.run(lambda: GuardedEncoder(NotANumber(True), offer))
    assert not (tmp_path / "out" / "metadata.json").exists()
    receipt = job.run(lambda: GuardedEncoder(NotANumber(False), offer))
    assert (receipt.resumed, receipt.encoded) == (512, 488)
