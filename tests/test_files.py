"""Files and folders that are written whole, or not at all."""

from __future__ import annotations

import pytest

from codeindex.errors import StorageError
from codeindex.files import replacing, replacing_folder, write_whole


def test_a_file_is_replaced_at_the_end_only(tmp_path):
    target = tmp_path / "a.txt"
    write_whole(target, "before")
    with replacing(target) as temporary:
        temporary.write_text("after")
        assert target.read_text() == "before"
    assert target.read_text() == "after"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_after_an_error_the_old_one_is_there_and_nothing_else(tmp_path, error):
    write_whole(tmp_path / "a.txt", "before")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old").write_text("before")

    def fail(replacing_it, target, name):
        with replacing_it(target) as temporary:
            (temporary / name if name else temporary).write_text("half")
            raise error

    with pytest.raises(error):
        fail(replacing, tmp_path / "a.txt", "")
    with pytest.raises(error):
        fail(replacing_folder, folder, "new")
    assert (tmp_path / "a.txt").read_text() == "before"
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "folder"]


def test_a_folder_takes_the_place_of_another(tmp_path):
    target = tmp_path / "bundle"
    for number in range(2):
        with replacing_folder(target) as temporary:
            (temporary / "inner").mkdir()
            (temporary / "inner" / f"{number}.txt").write_text(str(number))
    assert [path.name for path in (target / "inner").iterdir()] == ["1.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_what_cannot_be_written_is_a_storage_error(tmp_path):
    for replacing_it in (replacing, replacing_folder):
        with (
            pytest.raises(StorageError, match="cannot write"),
            replacing_it(tmp_path / "missing" / "x"),
        ):
            pass
