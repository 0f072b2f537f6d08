"""Label files of every format, and what is said of wrong ones."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.errors import NotFoundError, UsageError
from codeindex.evaluation.labels.reading import read_labels


def read(questions):
    return [(one.id, one.text, dict(one.relevant)) for one in questions.asked]


@pytest.fixture
def write(tmp_path):
    def written(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return written


def test_json_lines(write):
    path = write(
        "q.jsonl",
        '{"query": " how to retry ", "relevant": ["a.py", "b.py:C.send"]}\n'
        "\n"
        '{"id": "x7", "query": "parse", "relevant": {"c.py#L3-L9": 2, "d.py": 1, "e.py": 0}}\n'
        '{"query": "nothing", "relevant": []}\n',
    )
    questions = read_labels(path)
    assert read(questions) == [
        ("1", "how to retry", {"a.py": 1, "b.py:C.send": 1}),
        ("x7", "parse", {"c.py#L3-L9": 2, "d.py": 1}),
    ]
    assert questions.source == str(path)
    assert questions.left_out == {"nothing is relevant to it": 1}


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(st.lists(st.tuples(TEXTS, st.dictionaries(TEXTS, st.integers(1, 3), min_size=1)),
                min_size=1, max_size=4))  # fmt: skip
def test_json_lines_keep_any_text(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("labels") / "q.jsonl"
    lines = [json.dumps({"query": text, "relevant": its}, ensure_ascii=False) for text, its in rows]
    path.write_bytes("\n".join(lines).encode())
    assert read(read_labels(path)) == [
        (str(row), text.strip(), its) for row, (text, its) in enumerate(rows, 1)
    ]


def test_a_beir_folder(write, tmp_path):
    write(
        "beir/queries.jsonl",
        '{"_id": "q1", "text": "how to retry", "metadata": {}}\n'
        '{"_id": "q2", "text": "of another split"}\n'
        '{"_id": 3, "text": "parse a date"}\n',
    )
    write(
        "beir/qrels/test.tsv",
        "query-id\tcorpus-id\tscore\nq1\ta.py:send\t1\nq1\ta b.py\t2\n3\tc.py\t1\n3\td.py\t0\n",
    )
    write("beir/qrels/dev.tsv", "query-id\tcorpus-id\tscore\nq2\te.py\t1\n")
    assert read(read_labels(tmp_path / "beir")) == [
        ("q1", "how to retry", {"a.py:send": 1, "a b.py": 2}),
        ("3", "parse a date", {"c.py": 1}),
    ]
    dev = tmp_path / "beir" / "qrels" / "dev.tsv"
    assert read(read_labels(tmp_path / "beir", dev)) == [("q2", "of another split", {"e.py": 1})]


TOPICS = """<top>
<num> Number: 301
<title> how to
 retry

<desc> Description:
Not asked.
</top>
<top>
<num>302</num>
<title>parse a date</title>
</top>
"""


@pytest.mark.parametrize("topics", [TOPICS, "301\thow to retry\n302\tparse a date\n"])
def test_trec(write, topics):
    queries = write("topics.txt", topics)
    qrels = write("qrels.txt", "301 0 a.py:send 1\n301 Q0 two words.py 2\n302\t0\tb.py\t-1\n"
                  "302 0 c.py 1\n")  # fmt: skip
    assert read(read_labels(queries, qrels)) == [
        ("301", "how to retry", {"a.py:send": 1, "two words.py": 2}),
        ("302", "parse a date", {"c.py": 1}),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"query": "a", "relevant": ["x"]}\n{"query": "b"', r"q\.jsonl:2: no valid JSON \("),
        ('["a"]', r"q\.jsonl:1: a JSON list; expected an object a line"),
        ('{"query": "a"}', r'q\.jsonl:1: "query" or "relevant" is missing'),
        ('\n{"query": " ", "relevant": ["x"]}', r"q\.jsonl:2: the query is empty"),
        ('{"query": 7, "relevant": ["x"]}', r"q\.jsonl:1: a query is a text, not 7"),
        ('{"query": "a", "relevant": "x"}', r'q\.jsonl:1: "relevant" is a list of targets'),
        ('{"query": "a", "relevant": [1]}', r'q\.jsonl:1: "relevant" is a list of targets'),
        ('{"query": "a", "relevant": {"x": true}}', r'q\.jsonl:1: "relevant" is a list'),
        ('{"query": "a", "relevant": [" "]}', r"q\.jsonl:1: a target is empty"),
        ('{"query": "a", "relevant": []}', r"q\.jsonl: no query has a relevant target"),
        ("", r"q\.jsonl: no query has a relevant target"),
        ('{"id": 1, "query": "a", "relevant": ["x"]}\n{"id": "1", "query": "b", "relevant": ["x"]}',
         r"q\.jsonl:2: a second query with the id '1'"),
        ('{"query": "' + "a" * 20001 + '", "relevant": ["x"]}',
         r"q\.jsonl:1: the query has 20,001"),
    ],
)  # fmt: skip
def test_wrong_json_lines(write, text, said):
    with pytest.raises(UsageError, match=said):
        read_labels(write("q.jsonl", text))


@pytest.mark.parametrize(
    ("topics", "qrels", "said"),
    [
        ("1\ta", "1 0 x", r"qrels:1: no judgement; expected"),
        ("1\ta", "1 0 x 1\n1 0 y one", r"qrels:2: the grade 'one' is no whole number"),
        ("1\ta", "h\th\th\n1\ty\tone", r"qrels:2: the grade 'one' is no whole number"),
        ("1\ta", "1 0 x 1\n2 0 x 1", r"qrels:2: judges query '2', which is not in .*topics"),
        ("1\ta", "", r"qrels: holds no judgement"),
        ("1\ta", "1 0 x 0", r"topics: no query has a relevant target"),
        ("1 a", "1 0 x 1", r"topics:1: no query; expected its id, a tab and its text"),
        ("1\ta\n1\tb", "1 0 x 1", r"topics:2: a second query with the id '1'"),
        ("1\t ", "1 0 x 1", r"topics:1: the query is empty"),
        ("\n\n<top><num>1</top>", "1 0 x 1", r"topics:3: a topic needs <num> and <title>"),
        ('{"id": "1", "text": "a"}', "1 0 x 1", r'topics:1: a query needs "_id" and "text"'),
        ("<nothing>", "1 0 x 1", r"topics: holds no query"),
    ],
)
def test_wrong_topics_and_qrels(write, topics, qrels, said):
    with pytest.raises(UsageError, match=said):
        read_labels(write("topics", topics), write("qrels", qrels))


def test_files_that_are_not_there_or_no_text(write, tmp_path):
    with pytest.raises(NotFoundError, match="no such file: .*gone"):
        read_labels(tmp_path / "gone")
    (tmp_path / "latin").write_bytes(b"1\tgr\xf6\xdfe")
    with pytest.raises(UsageError, match="latin: not UTF-8 at byte 4"):
        read_labels(tmp_path / "latin", write("q1", "1 0 x 1"))
    with pytest.raises(UsageError, match=r"has no qrels/\*\.tsv; name the judgements with --qrels"):
        read_labels(tmp_path)
    write("qrels/a.tsv", "")
    write("qrels/b.tsv", "")
    with pytest.raises(UsageError, match=r"has a\.tsv, b\.tsv; name one of them with --qrels"):
        read_labels(tmp_path)


@given(st.text(st.sampled_from('{}[]<>"\t\n 01topnumtitle_idtexquery:,'), max_size=60))
def test_no_file_gives_any_other_error(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("labels") / "file"
    path.write_text(text)
    for arguments in ((path,), (path, path)):
        with suppress(UsageError):
            assert read_labels(*arguments).asked
