"""Packs that go to another machine and back: the same answers, whatever happens meanwhile."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from packs import below, entries_of, manifest_of

from codeindex import Host, Index
from codeindex.derived import DerivedIndex
from codeindex.errors import (
    DamagedIndexError,
    EncoderMismatch,
    NotFoundError,
    StorageError,
    UsageError,
)
from codeindex.packing import pack as packing
from codeindex.packing import snapshot as snapshots
from codeindex.packing import unpack as unpacking
from codeindex.packing.bundles import encoder_of_unpacked
from codeindex.packing.check import verify_pack
from codeindex.packing.pack import pack
from codeindex.packing.unpack import unpack
from codeindex.specs import BackendSpec, EncoderSpec
from codeindex.store import Store

QUERIES = ["parse a date", "compress a file", "tell the time"]
SOURCES = {
    "util/dates.py": "def parse_date(text):\n    '''Parse a date.'''\n    return text\n",
    "archive.py": "def compress(path):\n    '''Compress a file.'''\n    return path\n",
    "clock.py": "class Clock:\n    def now(self):\n        return 'the time'\n",
}


@pytest.fixture(scope="module")
def real() -> Host:
    return Host.load(only=["python", "onnx", "faiss"])


@pytest.fixture(scope="module")
def project(tmp_path_factory, real) -> Path:
    root = tmp_path_factory.mktemp("project")
    for name, text in SOURCES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    with Index.open(root, create=True, host=real) as index:
        index.update()
    return root


@pytest.fixture(scope="module")
def packed(project, real) -> Path:
    return pack(project / ".codeindex", project.parent / "project.pack", real).file


def answers(folder: Path, host: Host) -> list:
    with Index.open(index=folder, host=host) as index:
        assert index.verify().ok
        return [[hit.as_json() for hit in index.search(query, 3)] for query in QUERIES]


def altered_bundle(folder: Path) -> Path:
    """The shipped bundle with another prompt: an encoder of other vectors."""
    import codeindex_onnx

    shutil.copytree(codeindex_onnx.BUNDLES / "fast", folder)
    facts = json.loads((folder / "encoder.json").read_text())
    facts["prompts"] = {"query": "date ", "corpus": ""}
    (folder / "encoder.json").write_text(json.dumps(facts))
    return folder


# -- there and back --------------------------------------------------------------------------


def test_an_unpacked_index_gives_the_same_answers_where_nothing_else_is(
    project, packed, real, tmp_path
):
    receipt = unpack(packed, tmp_path / "index", real)
    assert (receipt.encoder, receipt.with_encoder) == ("fast", True)
    assert answers(tmp_path / "index", real) == answers(project / ".codeindex", real)
    shutil.move(tmp_path / "index", tmp_path / "moved")
    assert answers(tmp_path / "moved", real) == answers(project / ".codeindex", real)
    assert {path.name for path in tmp_path.iterdir()} == {"moved"}


def test_a_search_trusts_the_digests_that_were_checked(packed, real, tmp_path, monkeypatch):
    unpack(packed, tmp_path / "index", real)
    monkeypatch.setattr("codeindex.sync._sha256", None)  # reading it all again, each time
    with Index.open(index=tmp_path / "index", host=real) as index:
        assert index.search("date")


def test_a_pack_says_what_is_in_it_and_verifies(packed):
    report = verify_pack(packed)
    assert report.ok, report.problems
    assert report.snippets == report.vectors == manifest_of(packed)["index"]["snippets"] == 4
    with zipfile.ZipFile(packed) as archive:
        infos = archive.infolist()
    assert infos[0].filename == "codeindex-pack.json"
    kinds = {info.filename: info.compress_type for info in infos}
    assert kinds["catalog.sqlite"] == zipfile.ZIP_DEFLATED
    assert kinds["encoder/model.onnx"] == zipfile.ZIP_STORED
    assert manifest_of(packed)["licences"] == [
        {"of": "encoder fast 1", "licence": "Apache-2.0", "files": ["encoder/LICENSE"]}
    ]
    assert b"Apache License" in entries_of(packed)["encoder/LICENSE"]


def test_two_packs_of_one_state_differ_in_their_time_only(project, real, tmp_path, monkeypatch):
    monkeypatch.setattr(packing.time, "strftime", lambda *_: "2026-01-01T00:00:00Z")
    first = pack(project / ".codeindex", tmp_path / "1", real).file
    second = pack(project / ".codeindex", tmp_path / "2", real).file
    assert first.read_bytes() == second.read_bytes()


def test_nothing_of_this_machine_and_nothing_that_was_removed_goes_along(tree, host, tmp_path):
    with Index.open(tree, create=True, host=host) as index:
        (tree / "secret.txt").write_text("xylophone is the password\n" * 50)
        index.update()
        (tree / "secret.txt").unlink()
        index.update()
    pack(tree / ".codeindex", tmp_path / "a.pack", host)
    catalog = entries_of(tmp_path / "a.pack")["catalog.sqlite"]
    assert b"banana" in catalog
    assert b"ylophone" not in catalog  # words of one letter in common share it
    assert str(tmp_path).encode() not in catalog


def test_an_unpacked_index_of_a_bundle_by_path_uses_the_bundle_that_came(real, tmp_path):
    bundle = altered_bundle(tmp_path / "bundle")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.py").write_text(SOURCES["archive.py"])
    options = {"path": str(bundle), "threads": 1}
    with Index.open(root, create=True, host=real, encoder="onnx", encoder_options=options) as index:
        index.update()
    before = answers(root / ".codeindex", real)
    pack(root / ".codeindex", tmp_path / "a.pack", real)
    assert str(bundle).encode() not in (tmp_path / "a.pack").read_bytes()
    shutil.rmtree(bundle)
    receipt = unpack(tmp_path / "a.pack", tmp_path / "index", real)
    assert receipt.encoder == "onnx"
    assert receipt.encoder_options == {"path": "$INDEX/encoder"}
    assert answers(tmp_path / "index", real) == before
    (tmp_path / "index").rename(tmp_path / "moved")
    assert answers(tmp_path / "moved", real) == before
    pack(tmp_path / "moved", tmp_path / "again.pack", real)
    unpack(tmp_path / "again.pack", tmp_path / "third", real)
    assert answers(tmp_path / "third", real) == before


@pytest.mark.parametrize("chosen", [{"dim": 64}, {"hubness": False}, {"dim": 9, "hubness": False}])
@pytest.mark.parametrize("encoder", ["fast", "onnx"])
def test_an_index_of_other_vectors_of_a_bundle_is_packed(real, tmp_path, encoder, chosen):
    bundle = altered_bundle(tmp_path / "bundle")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.py").write_text(SOURCES["archive.py"])
    options = chosen | ({"path": str(bundle)} if encoder == "onnx" else {})
    with Index.open(
        root, create=True, host=real, encoder=encoder, encoder_options=options
    ) as index:
        index.update()
    before = answers(root / ".codeindex", real)
    pack(root / ".codeindex", tmp_path / "a.pack", real)
    shutil.rmtree(bundle)
    receipt = unpack(tmp_path / "a.pack", tmp_path / "index", real)
    assert receipt.encoder == encoder
    assert chosen.items() <= receipt.encoder_options.items()
    assert answers(tmp_path / "index", real) == before


def test_an_encoder_that_cannot_cut_is_not_taken_for_cut_vectors(tmp_path):
    import codeindex_onnx

    @dataclass(frozen=True)
    class OnlyPath:
        path: str = ""

    spec = EncoderSpec(
        name="plain",
        summary="Opens bundles whole.",
        options=OnlyPath,
        make=lambda options: None,
        bundle=lambda options: Path(options.path),
    )
    encoders = SimpleNamespace(offers=lambda: [SimpleNamespace(spec=spec)], names=lambda: ["plain"])
    bundle, final = codeindex_onnx.BUNDLES / "fast", tmp_path / "index" / "encoder"
    facts = {"name": "fast", "options": {}, "title": "fast 1 cut to 64"}
    taken = encoder_of_unpacked(
        bundle, final, {**facts, "dim": 256}, SimpleNamespace(encoders=encoders)
    )
    assert taken == ("plain", {"path": "$INDEX/encoder"})
    with pytest.raises(NotFoundError, match="no installed encoder opens the bundle"):
        encoder_of_unpacked(bundle, final, {**facts, "dim": 64}, SimpleNamespace(encoders=encoders))


def test_the_bundle_that_came_is_used_where_another_one_is_shipped(
    project, packed, real, tmp_path, monkeypatch
):
    before = answers(project / ".codeindex", real)
    altered_bundle(tmp_path / "shipped" / "fast")
    monkeypatch.setattr("codeindex_onnx.BUNDLES", tmp_path / "shipped")
    receipt = unpack(packed, tmp_path / "index", real)
    assert receipt.encoder == "onnx"
    assert answers(tmp_path / "index", real) == before
    with pytest.raises(EncoderMismatch, match=r"not the one that the index was built with"):
        pack(project / ".codeindex", tmp_path / "b.pack", real)
    assert not (tmp_path / "b.pack").exists()


def test_an_index_that_was_unpacked_can_be_packed_and_brought_up_to_date(
    tree, opened, host, toys, tmp_path
):
    opened.update()
    first = pack(opened.folder, tmp_path / "a.pack", host)
    opened.close()
    shutil.rmtree(opened.folder)
    unpack(first.file, opened.folder, host)
    embedded = len(toys.embedded)
    (tree / "more.txt").write_text("zebra stripes\n")
    with Index.open(tree, host=host) as index:
        assert index.update().snippets == 5
        assert index.verify().ok
    assert len(toys.embedded) == embedded + 1
    pack(opened.folder, tmp_path / "b.pack", host)
    assert verify_pack(tmp_path / "b.pack").snippets == 5


def test_a_pack_with_files_of_more_than_4_gigabytes(opened, host, tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)  # instead of 2**31
    opened.update()
    file = pack(opened.folder, tmp_path / "a.pack", host).file
    assert b"PK\x06\x06" in file.read_bytes()  # the directory has the long form
    monkeypatch.undo()
    assert verify_pack(file).ok
    unpack(file, tmp_path / "index", host)


def test_an_encoder_that_is_no_bundle_stays_behind_and_that_is_said(opened, host, tmp_path):
    opened.update()
    receipt = pack(opened.folder, tmp_path / "a.pack", host)
    assert not receipt.with_encoder
    assert manifest_of(receipt.file)["licences"] == []
    receipt = unpack(receipt.file, tmp_path / "index", host)
    assert not receipt.with_encoder
    with Index.open(index=tmp_path / "index", host=host) as index:
        assert index.search("iron", 1)[0].snippet.name == "hammer"


# -- beside a writer -------------------------------------------------------------------------


def more(root: Path, index: Index) -> None:
    """Another commit, whose vector index takes the place of the one before."""
    (root / f"more{len(list(root.iterdir()))}.txt").write_text("zebra stripes\n")
    index.update()


def test_a_commit_in_the_middle_is_not_in_the_pack(tree, opened, host, tmp_path, monkeypatch):
    opened.update()
    copy = snapshots._ReadCatalog.copy_to

    def write_first(self, *arguments):
        more(tree, opened)
        copy(self, *arguments)

    monkeypatch.setattr(snapshots._ReadCatalog, "copy_to", write_first)
    pack(opened.folder, tmp_path / "a.pack", host)
    assert opened.search("zebra")[0].snippet.name == "zebra"
    assert verify_pack(tmp_path / "a.pack").snippets == 4
    unpack(tmp_path / "a.pack", tmp_path / "index", host)
    with Index.open(index=tmp_path / "index", host=host) as index:
        assert index.verify().ok
        assert len(index.search("zebra")) == 4


def test_a_commit_just_before_the_files_are_opened_is_in_the_pack(
    tree, opened, host, tmp_path, monkeypatch
):
    opened.update()
    place, writes = DerivedIndex.place, [1, 1, 1]

    def write_first(self, catalog):
        found = place(self, catalog)
        if writes and isinstance(catalog, snapshots._ReadCatalog):
            writes.pop()
            more(tree, opened)
        return found

    monkeypatch.setattr(DerivedIndex, "place", write_first)
    pack(opened.folder, tmp_path / "a.pack", host)
    assert verify_pack(tmp_path / "a.pack").snippets == 7


def test_changes_that_a_writer_has_not_applied_reach_the_index_when_it_is_searched(
    tree, opened, host, tmp_path
):
    opened.update()
    store = Store(opened.folder, host, tree, None, {})
    with store.writing() as catalog:
        with catalog.transaction():
            catalog.remove_sources([catalog.sources()["tools.txt"].id])
        receipt = pack(opened.folder, tmp_path / "a.pack", host)
    store.close()
    assert receipt.manifest.index["pending_changes"] == 2
    unpack(tmp_path / "a.pack", tmp_path / "index", host)
    with Index.open(index=tmp_path / "index", host=host) as index:
        assert {hit.snippet.path for hit in index.search("hammer")} == {"fruit.txt"}
        assert index.verify().ok


def test_what_a_killed_run_left_to_do_is_done_before_packing(opened, host, tmp_path):
    opened.update()
    store = Store(opened.folder, host, opened.root, None, {})
    with store.writing() as catalog, catalog.transaction():
        catalog.remove_sources([catalog.sources()["tools.txt"].id])
    store.close()
    assert pack(opened.folder, tmp_path / "a.pack", host).manifest.index["pending_changes"] == 0


# -- refused, with the reason ----------------------------------------------------------------


def test_an_index_without_vectors_or_half_made_is_not_packed(tree, opened, host, tmp_path):
    opened.update()
    store = Store(opened.folder, host, tree, None, {})
    with store.writing() as catalog:
        with catalog.transaction():
            catalog.set_manifest({"backend_files": None})
        with pytest.raises(UsageError, match=r"was not finished.*codeindex index"):
            pack(opened.folder, tmp_path / "a.pack", host)
        with catalog.transaction():
            catalog.set_manifest({"encoder": None})
        with pytest.raises(UsageError, match="no vectors yet"):
            pack(opened.folder, tmp_path / "a.pack", host)
    store.close()
    with pytest.raises(NotFoundError, match="no index at"):
        pack(tmp_path / "nowhere", tmp_path / "a.pack", host)
    assert not (tmp_path / "a.pack").exists()


@pytest.mark.parametrize("damage", ["flip", "delete"])
def test_a_damaged_index_is_not_packed(opened, host, tmp_path, damage):
    opened.update()
    (path,) = (opened.folder / "backend").rglob("gen*.json")
    data = path.read_bytes()
    if damage == "flip":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    else:
        path.unlink()
    with pytest.raises(DamagedIndexError, match=r"codeindex verify --repair"):
        pack(opened.folder, tmp_path / "a.pack", host)
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


def test_a_file_that_is_there_is_replaced_only_on_request(opened, host, tmp_path):
    opened.update()
    target = tmp_path / "a.pack"
    target.write_text("precious")
    with pytest.raises(UsageError, match=r"is there already.*--overwrite"):
        pack(opened.folder, target, host)
    assert target.read_text() == "precious"
    pack(opened.folder, target, host, replace=True)
    assert verify_pack(target).ok
    with pytest.raises(NotFoundError, match="no such folder"):
        pack(opened.folder, tmp_path / "not" / "there", host)


def test_vectors_that_are_kept_elsewhere_are_not_packed(opened, host, tmp_path, monkeypatch):
    opened.update()
    pack(opened.folder, tmp_path / "a.pack", host)
    get = host.backends.get

    def elsewhere(name):
        offer = get(name)
        spec = BackendSpec(
            name=name, summary="", open=offer.spec.open, options=offer.spec.options, attach=print
        )
        return type(offer)(spec, offer.plugin, offer.distribution)

    monkeypatch.setattr(host.backends, "get", elsewhere)
    with pytest.raises(UsageError, match=r"codeindex copy .* --to faiss -o DIR"):
        pack(opened.folder, tmp_path / "b.pack", host)
    with pytest.raises(UsageError, match="keeps vectors elsewhere"):
        unpack(tmp_path / "a.pack", tmp_path / "index", host)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pack", "tree"]


def test_a_backend_or_an_encoder_that_is_missing_is_named(packed, tmp_path):
    with pytest.raises(NotFoundError, match=r"no backend 'faiss'; installed: none"):
        unpack(packed, tmp_path / "index", Host.load(only=["onnx"]))
    with pytest.raises(NotFoundError, match=r"no installed encoder opens the bundle"):
        unpack(packed, tmp_path / "index", Host.load(only=["faiss"]))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(packed, real, tmp_path):
    folder = tmp_path / "index"
    folder.mkdir()
    (folder / "precious").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        unpack(packed, folder, real)
    with pytest.raises(UsageError, match="is no folder"):
        unpack(packed, folder / "precious", real)
    with pytest.raises(NotFoundError, match="no such folder"):
        unpack(packed, tmp_path / "not" / "there", real)
    assert below(tmp_path) == {"index": None, "index/precious": b"mine"}
    (folder / "precious").unlink()
    unpack(packed, folder, real)


def test_what_is_put_into_the_folder_meanwhile_is_left_alone(packed, real, tmp_path):
    folder = tmp_path / "index"
    folder.mkdir()
    with pytest.raises(StorageError, match="cannot write"):
        unpack(packed, folder, real, progress=lambda *_: (folder / "mine").write_text("precious"))
    assert below(tmp_path) == {"index": None, "index/mine": b"precious"}


def test_no_space_is_said_before_and_in_the_middle(packed, project, real, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(unpacking.shutil, "disk_usage", lambda path: SimpleNamespace(free=1))
        with pytest.raises(StorageError, match=r"no space left to unpack.*are needed"):
            unpack(packed, tmp_path / "index", real)
    with pytest.raises(StorageError, match="cannot write .*No space left"):
        unpack(packed, tmp_path / "index", real, progress=full)
    with pytest.raises(StorageError, match="cannot write .*No space left"):
        pack(project / ".codeindex", tmp_path / "a.pack", real, progress=full)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_nothing(packed, project, real, tmp_path):
    def stop(done, total):
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(project / ".codeindex", tmp_path / "a.pack", real, progress=stop)
    with pytest.raises(KeyboardInterrupt):
        unpack(packed, tmp_path / "index", real, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_progress_reaches_its_end_and_never_goes_back(packed, project, real, tmp_path):
    for work in (
        lambda told: pack(project / ".codeindex", tmp_path / "a.pack", real, progress=told),
        lambda told: unpack(packed, tmp_path / "index", real, progress=told),
        lambda told: verify_pack(packed, progress=told),
    ):
        seen: list[tuple[int, int]] = []
        work(lambda done, total, seen=seen: seen.append((done, total)))
        assert seen == sorted(seen)
        assert len({total for _, total in seen}) == 1
        assert 0.8 < seen[-1][0] / seen[-1][1] <= 1


# -- killed ----------------------------------------------------------------------------------

VICTIM = """
import os, sys
place, die_at = sys.argv[1], int(sys.argv[2])
from codeindex.cli import run
def watch(event, arguments):
    global die_at
    if event in ("open", "os.rename", "os.remove", "os.mkdir", "sqlite3.connect"):
        if place in str(arguments):
            die_at -= 1
            if die_at == 0:
                os._exit(77)
sys.addaudithook(watch)
sys.exit(run(sys.argv[3:]))
"""


@pytest.mark.parametrize(
    ("command", "step"),
    [("pack", step) for step in (1, 4, 7, 10, 11)]
    + [("unpack", step) for step in (6, 26, 40, 46, 47)],
)
def test_killed_at_a_step_there_is_all_or_nothing(project, packed, real, tmp_path, command, step):
    source = project / ".codeindex" if command == "pack" else packed
    place = tmp_path / "work"
    place.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", VICTIM, place, str(step), command, source, "-o", place / "target"],
        env={**os.environ, "CODEINDEX_PLUGINS": "onnx,faiss,python"},
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 77), done.stderr
    visible = {path.name for path in place.iterdir() if not path.name.startswith(".")}
    assert visible == ({"target"} if done.returncode == 0 else visible & {"target"})
    if not visible and command == "pack":
        pack(source, place / "target", real)
    elif not visible:
        unpack(source, place / "target", real)
    if command == "pack":
        assert verify_pack(place / "target").ok
    else:
        with Index.open(index=place / "target", host=real) as index:
            assert index.verify().ok
