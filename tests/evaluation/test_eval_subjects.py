"""Which subjects ask, and how they are put."""

from __future__ import annotations

import pytest

from codeindex.evaluation.subjects import Refused, query_of

ANN = "Ann <ann@example.org>"


@pytest.mark.parametrize(
    ("subject", "query"),
    [
        ("Retry when the server is busy (#123)", "Retry when the server is busy"),
        ("Fixed #30451 -- Added ASGI handler and coroutine-safety.",
         "Added ASGI handler and coroutine-safety."),
        ("fix(parser)!: keep the last comment", "keep the last comment"),
        ("gh-1234: Stop reading at the end of a file", "Stop reading at the end of a file"),
        ("[3.12] bpo-99: Close sockets that are idle (GH-7)", "Close sockets that are idle"),
        ("[PROJ-12] Close sockets that are idle", "Close sockets that are idle"),
        ("PROJ-12: Close   sockets that are idle", "Close sockets that are idle"),
        ("Prevent merge of equal rows", "Prevent merge of equal rows"),
        ("Bumper cars can collide now", "Bumper cars can collide now"),
        ("catalog: words are kept apart", "catalog: words are kept apart"),
        ("Wörter werden getrennt gehalten", "Wörter werden getrennt gehalten"),
    ],
)  # fmt: skip
def test_what_projects_put_around_a_subject_is_taken_off(subject, query):
    assert query_of(ANN, subject) == query


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ("Fix it", Refused.SHORT),
        ("(#12)", Refused.SHORT),
        ("", Refused.SHORT),
        ("Merge branch 'main' of example.org into topic", Refused.ROUTINE),
        ('Revert "Retry when the server is busy"', Refused.ROUTINE),
        ("Bump requests from 2.30 to 2.31 in /docs", Refused.ROUTINE),
        ("chore(deps): bump requests from 2.30 to 2.31", Refused.ROUTINE),
        ("fixup! Retry when the server is busy", Refused.ROUTINE),
        ("Release 1.2.3 of the package", Refused.ROUTINE),
        ("v1.2.3 with many good things", Refused.ROUTINE),
        ("WIP on the new parser", Refused.ROUTINE),
        ("Update the changelog for the last fixes", Refused.ROUTINE),
    ],
)
def test_what_is_nothing_to_ask_with(subject, reason):
    assert query_of(ANN, subject) is reason


@pytest.mark.parametrize(
    "author",
    [
        "dependabot[bot] <49699333+dependabot[bot]@users.noreply.example>",
        "pre-commit-ci <a@example.org>",
        "Renovate Bot <b@example.org>",
        "GitHub Actions <c@example.org>",
    ],
)
def test_bots_do_not_ask(author):
    assert query_of(author, "Retry when the server is busy") is Refused.BOT


def test_people_with_such_names_do():
    assert query_of("Abbott <abbott@example.org>", "Retry when it is busy") != Refused.BOT
