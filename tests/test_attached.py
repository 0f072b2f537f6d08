"""A store that another machine has filled is searched with nothing but where it is."""

from __future__ import annotations

import json

import moving_toys
import pytest

from codeindex import Filter, Index
from codeindex.cli import run
from codeindex.errors import (
    EncoderMismatch,
    IndexVersionError,
    NotFoundError,
    OptionError,
    PluginError,
    UnavailableError,
    UsageError,
)
from codeindex.ranking.mode import Mode
from codeindex.ranking.options import SearchOptions
from codeindex.remote import AttachedIndex


@pytest.fixture
def host(host):
    host.register(moving_toys, "moving", "toy-distribution")
    return host


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "server").mkdir()
    return tmp_path / "server"


@pytest.fixture
def filled(tree, host, shelf):
    """A store filled by an index with an encoder that has an option."""
    given = {"encoder": "words", "encoder_options": {"dim": 32, "salt": "x"}}
    with Index.open(
        tree, create=True, host=host, backend="shelf", backend_options={"at": str(shelf)}, **given
    ) as index:
        index.update()
        yield index


@pytest.fixture
def attached(filled, host, shelf):
    with AttachedIndex.open("shelf", {"at": str(shelf)}, host=host) as attached:
        yield attached


def rewrite(shelf, change):
    path = shelf / "shelf.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def seen(results):
    """What both can know; how sure it is depends on the other vectors of the index."""
    return [(result.snippet, result.cosine, result.rank) for result in results]


DENSE = SearchOptions(mode=Mode.DENSE)


def test_answers_are_those_of_the_index(filled, attached):
    dense = filled.search("iron hammer", mode="dense")
    assert seen(attached.search("iron hammer", mode="dense")) == seen(dense)
    assert seen(attached.search("iron hammer")) == seen(dense)
    assert attached.search("iron hammer")[0].snippet.code == "hammer heavy iron"
    queries = ["apple", "saw"]
    theirs = filled.search_many(queries, 2, options=DENSE)
    for mine, its in zip(attached.search_many(queries, 2), theirs, strict=True):
        assert seen(mine) == seen(its)


def test_without_words_there_is_no_search_by_words(attached):
    with pytest.raises(UsageError, match="'shelf' keeps vectors and snippets, and no words"):
        attached.search("iron", mode="lexical")


def test_filters_are_those_of_the_index(filled, attached):
    for given in ({"paths": "fruit.txt"}, {"kinds": "paragraph"}, {"languages": "cobol"}):
        found = attached.search("iron", **given)
        assert seen(found) == seen(filled.search("iron", mode="dense", **given))
    where = Filter(paths=("fruit.txt",))
    assert {r.snippet.path for r in attached.search_many(["iron"], 9, where)[0]} == {"fruit.txt"}


def test_status_says_what_is_there(filled, attached, shelf):
    facts = attached.status()
    assert facts["snippets"] == 4
    assert facts["encoder"]["options"] == {"dim": 32, "salt": "x"}
    assert facts["encoder"]["fingerprint"] == filled.status()["encoder"]["fingerprint"]
    assert facts["backend_facts"] == {"type": "shelf", "at": str(shelf)}
    assert facts["index_id"] == filled._store.manifest()["id"]
    json.dumps(facts)


def test_the_encoder_is_made_when_it_is_needed_and_only_once(toys, attached):
    made = len(toys.encoders)
    attached.status()
    assert len(toys.encoders) == made
    attached.search("iron")
    attached.search("iron")
    assert len(toys.encoders) == made + 1


def test_another_encoder_is_refused_the_same_one_is_not(filled, host, shelf):
    at = {"at": str(shelf)}
    for same in ({"dim": "32", "salt": "x"}, {"dim": "32"}):  # what is not given stays
        with AttachedIndex.open("shelf", at, encoder_options=same, host=host) as attached:
            assert attached.search("iron")
    named = {"encoder": "words", "encoder_options": {"dim": "32"}}  # begins with the defaults
    for other, said in (
        ({"encoder_options": {"salt": "y"}}, "salt=x, .*salt=y, "),
        ({"encoder_options": {"dim": "16", "salt": "x"}}, "dim=32, .*dim=16, "),
        (named, "salt=x, .*salt=, "),
    ):
        with AttachedIndex.open("shelf", at, host=host, **other) as attached:
            with pytest.raises(EncoderMismatch, match=f"{said}.*cannot be compared"):
                attached.search("iron")


def test_an_encoder_that_is_not_here_is_said_with_the_way_out(filled, host, shelf):
    def change(data):
        data["manifest"]["encoder"] |= {"name": "lost", "options": {"path": "/elsewhere"}}

    rewrite(shelf, change)
    with AttachedIndex.open("shelf", {"at": str(shelf)}, host=host) as attached:
        with pytest.raises(NotFoundError, match=r"'lost' \(-E path=/elsewhere\).*--encoder and -E"):
            attached.search("iron")
    given = {"encoder": "words", "encoder_options": {"dim": 32, "salt": "x"}}
    with AttachedIndex.open("shelf", {"at": str(shelf)}, host=host, **given) as attached:
        assert attached.search("iron")


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda data: data["manifest"].update(format=99), IndexVersionError, "format 99.*upgrade"),
        (lambda data: data["manifest"].clear(), NotFoundError, "codeindex copy INDEX --to shelf"),
        (lambda data: data["manifest"].pop("encoder"), UsageError, "codeindex has not made it"),
        (lambda data: data["manifest"].update(encoder="fast"), UsageError, "has not made it"),
        (
            lambda data: data["manifest"].update(texts={"recipe": "of tomorrow/9"}),
            IndexVersionError,
            "upgrade codeindex",
        ),
    ],
)
def test_a_store_that_cannot_be_searched_is_refused(filled, host, shelf, change, error, said):
    rewrite(shelf, change)
    with pytest.raises(error, match=said):
        AttachedIndex.open("shelf", {"at": str(shelf)}, host=host)


def test_an_empty_store_is_no_miss(filled, host, shelf):
    rewrite(shelf, lambda data: data["rows"].clear())
    with AttachedIndex.open("shelf", {"at": str(shelf)}, host=host) as attached:
        with pytest.raises(NotFoundError, match="is empty"):
            attached.search("iron")


def test_what_cannot_be_attached_says_what_can(host):
    with pytest.raises(UsageError, match=r"'tidy' keeps its vectors in an index.*can: shelf"):
        AttachedIndex.open("tidy", host=host)
    with pytest.raises(UsageError, match="at=FOLDER"):
        AttachedIndex.open("shelf", host=host)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        AttachedIndex.open("shelf", {"at": "/no/such/place"}, host=host)
    with pytest.raises(OptionError, match="no option 'where'"):
        AttachedIndex.open("shelf", {"where": "here"}, host=host)
    with pytest.raises(NotFoundError, match="no backend 'shelv'"):
        AttachedIndex.open("shelv", host=host)


def test_a_store_that_breaks_its_promise_is_named(attached, monkeypatch):
    monkeypatch.setattr(moving_toys.Shelf, "search", lambda self, queries, k, where: [])
    with pytest.raises(PluginError, match="backend 'shelf'.*0 answers to 1 queries"):
        attached.search("iron")


def test_another_index_does_not_take_the_store_over(filled, tmp_path, host, shelf):
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text("other words\n")
    given = {"backend": "shelf", "backend_options": {"at": str(shelf)}}
    with Index.open(other, create=True, host=host, **given) as index:
        with pytest.raises(UsageError, match="belongs to another index"):
            index.update()


# -- commands -----------------------------------------------------------------------------------


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Runs a command with the real plugins and these, in an empty folder."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")

    def call(*words):
        code = run(["--plugin", moving_toys.__file__, *map(str, words)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def project(tmp_path, shelf, command, monkeypatch):
    """A project that was indexed into the store."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "dates.py").write_text("def parse_date(text):\n    return text\n")
    code, _, said = command("index", root, "--backend", "shelf", "-B", f"at={shelf}")
    assert code == 0, said
    return root


def test_search_and_status_need_no_index_folder(command, project, shelf):
    store = ("--backend", "shelf", "-B", f"at={shelf}")
    note = "note: searched by meaning only; a store without an index keeps no words\n"
    code, out, said = command("search", "parse a date", *store)
    assert (code, said) == (0, note)
    assert "dates.py:1-2" in out
    code, out, said = command("search", "parse a date", *store, "--mode", "dense")
    assert (code, said) == (0, "")
    assert command("search", "date", *store, "--mode", "lexical") == (
        2,
        "",
        "error: backend 'shelf' keeps vectors and snippets, and no words: it cannot be searched"
        " by words alone; take --mode dense, or search an index folder\n",
    )
    code, out, _ = command("search", "parse a date", *store, "--json", "-k", 1)
    assert (code, json.loads(out)["name"]) == (0, "parse_date")
    code, out, said = command("search", "date", *store, "--kind", "recipe")
    assert (code, out, said) == (1, "", f"{note}nothing found\n")
    code, out, _ = command("status", *store)
    assert code == 0
    assert out.startswith("store     shelf\n")
    assert "snippets  1\nencoder   fast: " in out
    code, out, _ = command("status", *store, "--json")
    assert json.loads(out)["snippets"] == 1


def test_commands_say_what_is_amiss(command, project, shelf, tmp_path):
    code, _, said = command("search", "x")
    assert code == 2
    assert said.startswith("error: no index in ")
    code, _, said = command("search", "x", "--backend", "tidy", "-B", "worth=3")
    assert code == 2
    assert "backends that can: " in said
    assert "shelf" in said
    code, _, said = command("search", "x", "--backend", "shelf")
    assert (code, said) == (2, "error: backend 'shelf' needs to be told where: at=FOLDER\n")
    code, _, said = command("status", "--backend", "shelf", "-B", "at=/gone")
    assert (code, said) == (2, "error: the shelf /gone cannot be reached\n")
    store = ("--backend", "shelf", "-B", f"at={shelf}")
    code, _, said = command("search", "x", *store, "--index", tmp_path / "nowhere")
    assert code == 2
    assert "no index at" in said


def test_an_index_that_is_named_or_near_is_read_itself(command, project, shelf, monkeypatch):
    monkeypatch.chdir(project)
    code, out, _ = command("status", "--backend", "shelf")
    assert (code, out.splitlines()[0].split()[0]) == (0, "index")
    code, _, said = command("search", "x", "--backend", "tidy")
    assert code == 2
    assert "uses backend 'shelf', not 'tidy'" in said
    code, out, _ = command("status", "--backend", "shelf", "-B", f"at={shelf}")
    assert out.startswith("store ")


def test_settings_name_a_store_for_where_there_is_no_index(command, project, shelf, tmp_path):
    settings = tmp_path / "empty" / "codeindex.toml"
    settings.write_text(f'backend = "shelf"\n[backend-options]\nat = "{shelf}"\n')
    code, out, said = command("search", "parse a date", "--lines", 0)
    assert (code, out.count("parse_date")) == (0, 1), said
    settings.write_text('backend = "tidy"\n')
    code, _, said = command("search", "parse a date")
    assert code == 2
    assert "no index in" in said


def test_lines_that_moved_are_told_to_the_store(tree, filled, host, shelf):
    """Only the lines are new: nothing is embedded, and the store shows them."""
    before = {s.name: s.start_line for s in filled.snippets(Filter(paths=("fruit.txt",)))}
    path = tree / "fruit.txt"
    path.write_text("\n\n\n" + path.read_text())
    assert filled.update().embedded == 0
    with AttachedIndex.open("shelf", {"at": str(shelf)}, host=host) as attached:
        found = attached.search("apple", 9, paths="fruit.txt")
    assert {r.snippet.name: r.snippet.start_line for r in found} == {
        name: line + 3 for name, line in before.items()
    }
