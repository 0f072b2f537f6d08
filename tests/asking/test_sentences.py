"""Sentences: nothing is lost, and what looks like an end and is none does not end one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.errors import UsageError
from codeindex.paper_text import MAX_PAPER_CHARS, askable, queries_of
from codeindex.sentences import MAX_SENTENCE_CHARS, sentences

PIECES = [
    *("We propose x", "Fig", "et al", "e.g", "3", "3.5", "J", "(", ")", "[12]", '"', "etc"),
    *(
        ".",
        ". ",
        "! ",
        "?",
        "...",
        "\n",
        "\n\n",
        "- ",
        "。",
        "a-\n",
        " ",
        "the",
        "The",
        "é",
        "x" * 60,
    ),
]


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=300))
def test_nothing_is_lost_and_nothing_is_added(text):
    found = sentences(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(sentence == sentence.strip() != "" for sentence in found)
    assert all(len(sentence) <= MAX_SENTENCE_CHARS for sentence in found)
    assert not any("\n" in sentence for sentence in found)


@pytest.mark.parametrize(
    "one",
    [
        "We follow Smith et al. (2019) and gain 3.5 points, e.g. on COCO, i.e. on images.",
        "See Fig. 3 and Eq. (4), cf. Sec. 2 of Dr. Who vs. the rest.",
        "J. K. Rowling and A. Smith wrote it for the U.S. Army.",
        "It works (see the appendix. It is long.) on v1.2 of https://example.org/a.b for all.",
        "Wait ... there is more of the i.i.d. data.",
        "Use os.path.join for a file named a.py in it.",
    ],
)
def test_one_sentence_stays_one(one):
    assert sentences(one) == [one]
    assert sentences(f"{one} Then we go on.") == [one, "Then we go on."]
    assert sentences(one.replace(" ", "\n")) == [one]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It ends.[12] We go on [3]. Really?! Yes.", 4),
        ("Models, parsers, etc. We use them. It is in Fig. 3. We see it.", 4),
        ('He said "no." She left.', 2),
        ("Title\n\nBody of it.", 2),
        ("We do:\n- one\n- two\n1. three\n2) four", 5),
        ("We do: 1. Read. 2. Write.", 2),
        ("我们提出一个方法。它很快！真的吗？", 3),
        ("", 0),
        (" \n \n ", 0),
    ],
)
def test_ends_are_found(text, expected):
    assert len(sentences(text)) == expected


def test_a_word_over_two_lines_is_put_together():
    assert sentences("a state-of-the-\nart method\r\nis here") == [
        "a state-of-the-art method is here"
    ]


def test_what_asks_for_nothing_is_left_out():
    text = "Abstract. We parse dates [1, 2]. Keywords: parsing of dates. [12]. We parse dates. Yes."
    assert askable(text) == ["We parse dates.", "parsing of dates."]
    assert askable("Abstract We parse all dates") == ["We parse all dates"]
    assert askable("Summary statistics are shown here.") == ["Summary statistics are shown here."]
    assert askable("Dates.") == ["Dates."]
    assert askable("我们提出一个新方法。是。") == ["我们提出一个新方法。"]


def test_a_text_without_sentence_and_one_far_too_long_are_refused():
    with pytest.raises(UsageError, match="no sentence"):
        queries_of(" [1] ... \n")
    with pytest.raises(UsageError, match=re.escape(f"{MAX_PAPER_CHARS + 1:,}")):
        queries_of("x" * (MAX_PAPER_CHARS + 1))
