"""The index as a whole, on toy plugins: what is re-done, what is kept, what is refused."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

from codeindex import Index, UpdateOptions, WalkOptions, reading
from codeindex.errors import (
    EncoderMismatch,
    IndexLockedError,
    NotFoundError,
    OptionError,
    UsageError,
)
from codeindex.locking import writing


def names(index) -> list[str]:
    return sorted(snippet.name for snippet in index.snippets())


def settle(tree) -> None:
    """Ages the files, so that their times are trusted."""
    for path in tree.rglob("*.txt"):
        os.utime(path, ns=(10**18, 10**18))


def test_a_first_run_indexes_and_finds(opened, toys):
    receipt = opened.update()
    assert (receipt.files_seen, receipt.files_new, receipt.files_indexed) == (2, 2, 2)
    assert (receipt.snippets, receipt.snippets_added, receipt.embedded) == (4, 4, 4)
    assert names(opened) == ["apple", "banana", "hammer", "saw"]
    first = opened.search("yellow banana", top_k=2)[0]
    assert (first.rank, first.snippet.name, first.snippet.path) == (1, "banana", "fruit.txt")
    assert (first.snippet.start_line, first.snippet.end_line) == (3, 3)
    assert opened.verify().ok


def test_nothing_changed_costs_nothing(tree, opened, toys):
    settle(tree)
    opened.update()
    before = len(toys.embedded)
    receipt = opened.update()
    assert (receipt.files_unchanged, receipt.files_changed, receipt.embedded) == (2, 0, 0)
    assert (receipt.snippets_added, receipt.snippets_removed) == (0, 0)
    assert len(toys.embedded) == before


def test_an_edit_redoes_only_what_changed(tree, opened, toys):
    opened.update()
    toys.encoders[0].embedded.clear()
    (tree / "fruit.txt").write_text("cherry dark\n\napple red sweet\n\nbanana yellow long\n")
    receipt = opened.update()
    assert (receipt.snippets_added, receipt.snippets_removed, receipt.embedded) == (1, 0, 1)
    lines = {s.name: s.start_line for s in opened.snippets()}
    assert (lines["cherry"], lines["apple"], lines["banana"]) == (1, 3, 5)
    assert opened.search("cherry dark", 1)[0].snippet.name == "cherry"
    assert opened.verify().ok


def test_an_edit_of_the_same_size_within_the_clocks_grain_is_seen(tree, opened):
    (tree / "fruit.txt").write_text("apple red\n")
    opened.update()
    stat = (tree / "fruit.txt").stat()
    (tree / "fruit.txt").write_text("grape red\n")
    os.utime(tree / "fruit.txt", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    opened.update()
    assert "grape" in names(opened)
    assert "apple" not in names(opened)


def test_a_deleted_file_leaves_nothing_behind(tree, opened):
    opened.update()
    (tree / "fruit.txt").unlink()
    receipt = opened.update(options=UpdateOptions(drop_most=True))
    assert (receipt.files_removed, receipt.snippets_removed) == (1, 2)
    assert names(opened) == ["hammer", "saw"]
    assert all(result.snippet.path == "tools.txt" for result in opened.search("apple"))
    assert opened.verify().ok


def test_a_rename_embeds_nothing_and_finds_at_the_new_path(tree, opened, toys):
    opened.update()
    before = len(toys.embedded)
    (tree / "sub").mkdir()
    (tree / "fruit.txt").rename(tree / "sub" / "food.txt")
    receipt = opened.update()
    assert (receipt.files_moved, receipt.embedded) == (1, 0)
    assert len(toys.embedded) == before
    assert opened.search("banana", 1)[0].snippet.path == "sub/food.txt"
    assert opened.verify().ok


def test_switching_branches_back_embeds_nothing(tree, opened, toys):
    opened.update()
    (tree / "fruit.txt").write_text("other words entirely\n")
    opened.update()
    before = len(toys.embedded)
    (tree / "fruit.txt").write_text("apple red sweet\n\nbanana yellow long\n")
    receipt = opened.update()
    assert (receipt.embedded, receipt.reused) == (0, 2)
    assert len(toys.embedded) == before


def test_dropping_most_of_an_index_is_refused_and_nothing_is_lost(tree, opened):
    opened.update()
    shutil.copy(tree / "fruit.txt", tree / "more.txt")
    (tree / "fruit.txt").unlink()
    (tree / "tools.txt").unlink()
    (tree / "more.txt").write_text("unlike\n")
    with pytest.raises(UsageError, match="drop 4 of 4 snippets.*--yes"):
        opened.update()
    assert names(opened) == ["apple", "banana", "hammer", "saw"]
    opened.update(options=UpdateOptions(drop_most=True))
    assert names(opened) == ["unlike"]


def test_exclude_drops_what_was_in(tree, opened):
    opened.update()
    options = UpdateOptions(walk=WalkOptions(exclude=("tools.txt",)), drop_most=True)
    opened.update(options=options)
    assert names(opened) == ["apple", "banana"]


def test_a_path_limits_what_a_run_looks_at(tree, opened):
    opened.update()
    (tree / "fruit.txt").unlink()
    (tree / "tools.txt").write_text("hammer heavy iron\n")
    receipt = opened.update([tree / "tools.txt"])
    assert receipt.files_removed == 0
    assert names(opened) == ["apple", "banana", "hammer"]


def test_an_unreadable_file_is_an_error_with_its_reason_every_time(tree, opened):
    (tree / "bad.txt").write_text("fine\n\nbroken\n")
    for _ in range(2):
        receipt = opened.update()
        assert [(e.path, e.reason) for e in receipt.errors] == [("bad.txt", "it says so itself")]
        assert receipt.languages["paragraphs"].skipped == 1
    assert opened.status()["unreadable"] == {"bad.txt": "it says so itself"}


def test_a_bug_in_an_extractor_names_plugin_and_distribution(tree, opened):
    (tree / "bad.txt").write_text("bug\n")
    receipt = opened.update()
    assert "'toys' of toy-distribution" in receipt.errors[0].reason
    assert "RuntimeError: a bug in the plugin" in receipt.errors[0].reason
    assert len(names(opened)) == 4


def test_a_source_inside_a_source_is_extracted_with_its_facts(tree, opened):
    (tree / "outer.txt").write_text("inner kernel words\n")
    opened.update()
    (snippet,) = [s for s in opened.snippets() if s.path.startswith("outer")]
    assert (snippet.path, snippet.name, snippet.extra["from"]) == ("outer.txt!", "kernel", "inner")


def test_filters_by_path_and_kind(opened):
    opened.update()
    assert {r.snippet.path for r in opened.search("iron", paths=["fru*"])} == {"fruit.txt"}
    assert opened.search("iron", kinds=["function"]) == []


def test_more_wanted_than_there_is_gives_what_there_is(opened):
    opened.update()
    results = opened.search("iron", top_k=50)
    assert len(results) == 4
    assert [r.rank for r in results] == [1, 2, 3, 4]
    assert sorted((r.score for r in results), reverse=True) == [r.score for r in results]


@pytest.mark.parametrize(
    ("query", "said"), [("", "empty"), ("  \n", "empty"), ("x" * 10**6, "at most")]
)
def test_unusable_queries_are_refused(opened, query, said):
    opened.update()
    with pytest.raises(UsageError, match=said):
        opened.search(query)


def test_another_encoder_is_refused_and_reencode_takes_it(tree, opened, host, toys):
    opened.update()
    with Index.open(tree, encoder="words", encoder_options={"salt": "s"}, host=host) as other:
        with pytest.raises(EncoderMismatch, match="built with encoder 'fast'"):
            other.search("iron")
        with pytest.raises(EncoderMismatch):
            other.update()
        assert other.reencode() == 4
        assert other.search("iron hammer", 1)[0].snippet.name == "hammer"
    with Index.open(tree, host=host) as again:
        assert again.status()["encoder"]["options"] == {"dim": 64, "salt": "s"}
        assert again.search("iron hammer", 1)[0].snippet.name == "hammer"
        assert again.verify().ok


def test_reencode_to_other_dimensions(tree, opened, host):
    opened.update()
    with Index.open(tree, encoder="words", encoder_options={"dim": "8"}, host=host) as other:
        other.reencode()
        assert other.verify().ok
        assert other.encoder().info.dim == 8


def test_an_unknown_option_or_provider_leaves_no_index(tree, host):
    with Index.open(tree, create=True, encoder_options={"dims": "3"}, host=host) as index:
        with pytest.raises(OptionError, match="no option 'dims'; its options: dim, salt"):
            index.update()
    with Index.open(tree, create=True, backend="fais", host=host) as index:
        with pytest.raises(NotFoundError, match="no backend 'fais'"):
            index.update()
    assert not (tree / ".codeindex").exists()


def test_backend_options_that_are_fixed_and_that_may_change(tree, opened, host):
    opened.update()
    with pytest.raises(UsageError, match="fixed cannot change.*can: loose"):
        Index.open(tree, backend_options={"fixed": "2"}, host=host)
    with Index.open(tree, backend_options={"loose": "2"}, host=host) as index:
        assert index.search("iron")
    with pytest.raises(UsageError, match="uses backend 'faiss', not 'brute'"):
        Index.open(tree, backend="brute", host=host)


def test_a_second_writer_gets_a_clear_message(opened):
    opened.update()
    with writing(opened.folder), pytest.raises(IndexLockedError, match="another codeindex process"):
        opened.update()


def test_readers_go_on_while_a_writer_holds_the_lock(tree, opened, host):
    opened.update()
    with writing(opened.folder), Index.open(tree, host=host) as reader:
        assert reader.search("iron", 1)[0].snippet.name == "hammer"


def test_an_open_reader_sees_what_another_wrote(tree, opened, host):
    opened.update()
    with Index.open(tree, host=host) as reader:
        assert reader.search("zebra", 1)[0].snippet.name != "zebra"
        (tree / "new.txt").write_text("zebra stripes\n")
        opened.update()
        assert reader.search("zebra stripes", 1)[0].snippet.name == "zebra"


def test_a_dry_run_writes_nothing(tree, opened):
    receipt = opened.update(options=UpdateOptions(dry_run=True))
    assert (receipt.files_new, receipt.embedded, receipt.dry_run) == (2, 0, True)
    assert not (tree / ".codeindex").exists()


def test_an_empty_tree_leaves_no_index(tmp_path, host):
    with Index.open(tmp_path, create=True, host=host) as index:
        receipt = index.update()
    assert receipt.files_indexed == 0
    with pytest.raises(NotFoundError):
        Index.open(tmp_path, host=host)


def test_remove_takes_sources_out(opened):
    opened.update()
    assert opened.remove(["fruit*"]) == 2
    assert names(opened) == ["hammer", "saw"]
    assert opened.verify().ok
    with pytest.raises(NotFoundError, match="no source"):
        opened.remove(["fruit*"])


def test_an_index_elsewhere_and_a_moved_tree(tree, tmp_path, host):
    with Index.open(tree, index=tmp_path / "elsewhere", create=True, host=host) as index:
        index.update()
    assert not (tree / ".codeindex").exists()
    with Index.open(index=tmp_path / "elsewhere", host=host) as index:
        assert index.root == tree
        assert index.search("iron", 1)[0].snippet.name == "hammer"


def test_a_second_path_outside_the_root(tree, tmp_path, host):
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.txt").write_text("violet light\n")
    with Index.open(tree, create=True, host=host) as index:
        index.update([tree, other])
        assert index.search("violet", 1)[0].snippet.path == "../other/x.txt"
        index.update()
        assert index.search("violet", 1)[0].snippet.path == "../other/x.txt"


def test_the_index_folder_is_ignored_by_git(tree, opened):
    opened.update()
    assert (tree / ".codeindex" / ".gitignore").read_text().endswith("*\n")


def test_a_path_that_is_a_link_means_the_folder_it_leads_to(tree, opened):
    (tree / "garden").mkdir()
    (tree / "garden" / "trees.txt").write_text("oak tall\n\nelm old\n")
    (tree / "link").symlink_to("garden", target_is_directory=True)
    opened.update([tree / "link"])
    assert {snippet.path for snippet in opened.snippets()} == {"garden/trees.txt"}
    (tree / "garden" / "trees.txt").write_text("oak tall\n\nash young\n")
    (tree / "garden" / "herbs.txt").write_text("mint green\n")
    assert opened.update([tree / "link"]).snippets_removed == 1
    assert names(opened) == ["ash", "mint", "oak"]
    (tree / "garden" / "herbs.txt").unlink()
    assert opened.update([tree / "link"]).files_removed == 1
    assert names(opened) == ["ash", "oak"]


def test_a_text_where_a_list_is_expected_is_one_value(opened):
    opened.update()
    assert opened.search("apple", paths="none.txt") == []
    assert opened.search("apple", 1, paths="fruit.txt")[0].snippet.name == "apple"
    with pytest.raises(NotFoundError, match="matches nope/..$"):
        opened.remove("nope/**")
    assert opened.remove("fruit.txt") == 2
    with pytest.raises(UsageError, match="which paths"):
        opened.remove([])
    assert names(opened) == ["hammer", "saw"]


def test_a_closed_index_says_so(opened):
    opened.update()
    opened.close()
    opened.close()
    with pytest.raises(UsageError, match="was closed"):
        opened.search("apple")


def test_a_dry_run_refuses_what_the_run_would(tree, opened):
    opened.update()
    (tree / "fruit.txt").unlink()
    (tree / "tools.txt").unlink()
    (tree / "new.txt").write_text("one\n")
    with pytest.raises(UsageError, match="would drop"):
        opened.update(options=UpdateOptions(dry_run=True))


def test_a_dry_run_knows_what_was_only_touched(tree, opened):
    opened.update()
    for path in tree.glob("*.txt"):
        os.utime(path, ns=(10**18, 10**18))
    receipt = opened.update(options=UpdateOptions(dry_run=True))
    assert (receipt.files_changed, receipt.files_unchanged) == (0, 2)


def test_a_query_without_a_word_finds_nothing(opened):
    opened.update()
    assert opened.search("!!!") == []


def test_an_index_that_was_moved_out_of_its_tree_does_not_take_all_in_again(opened, tree, host):
    opened.update()
    opened.close()
    (tree / ".codeindex").rename(tree.parent / "moved")
    with Index.open(tree, index=tree.parent / "moved", host=host) as index:
        with pytest.raises(UsageError, match="was the index moved out of its tree"):
            index.update([tree])
        assert index.status()["snippets"] == 4


def test_an_index_beside_its_tree_may_be_moved(tree, host):
    with Index.open(tree, index=tree.parent / "beside", create=True, host=host) as index:
        index.update()
    (tree.parent / "deep").mkdir()
    (tree.parent / "beside").rename(tree.parent / "deep" / "er")
    with Index.open(tree, index=tree.parent / "deep" / "er", host=host) as index:
        receipt = index.update()
        assert (receipt.files_new, receipt.files_unchanged) == (0, 2)
        assert index.root == tree


def test_a_file_that_cannot_be_read_for_a_while_keeps_its_snippets(tree, opened, monkeypatch):
    opened.update()
    before = names(opened)
    (tree / "tools.txt").write_text("drill loud\n")
    real = reading.os.open

    def refuse(path, *arguments):
        if str(path).endswith(("tools.txt", "secret.txt")):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(reading.os, "open", refuse)
        for _ in range(2):
            receipt = opened.update()
            assert receipt.snippets_removed == 0
            reasons = [error.reason for error in receipt.errors]
            assert reasons == ["no permission to read it; what the index has of it stays"]
            assert names(opened) == before
        (tree / "secret.txt").write_text("nobody knows\n")
        receipt = opened.update()
        assert "no permission to read it" in [error.reason for error in receipt.errors]
    receipt = opened.update()
    assert not receipt.errors
    assert {"drill", "nobody"} <= set(names(opened))
    assert "hammer" not in names(opened)
