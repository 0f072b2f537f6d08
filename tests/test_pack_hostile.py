"""Packs made to do harm, or damaged: refused, with nothing written and nothing run."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import re
import stat
import zipfile

import numpy as np
import pytest
from packs import below, changed_catalog, entries_of, manifest_of, write_pack

from codeindex import Host, Index
from codeindex.errors import CodeIndexError, DamagedIndexError, IndexVersionError, UsageError
from codeindex.packing.archive import Pack
from codeindex.packing.check import verify_pack
from codeindex.packing.pack import pack
from codeindex.packing.unpack import unpack

CATALOG = "catalog.sqlite"


@pytest.fixture
def packed(opened, host, tmp_path):
    opened.update()
    return pack(opened.folder, tmp_path / "good.pack", host).file


@pytest.fixture
def refused(host, tmp_path):
    """Asserts that a pack is refused by both commands, for a reason, and nothing is written."""

    def check(path, reason, kind=DamagedIndexError):
        before = below(tmp_path)
        with pytest.raises(kind, match=reason):
            unpack(path, tmp_path / "index", host)
        assert below(tmp_path) == before
        if kind is DamagedIndexError:
            report = verify_pack(path)
            assert not report.ok
            assert any(re.search(reason, line) for line in report.problems)
        else:
            with pytest.raises(kind, match=reason):
                verify_pack(path)

    return check


def test_the_helpers_of_these_tests_make_good_packs(packed, host, tmp_path):
    same = write_pack(tmp_path / "a.pack", manifest_of(packed), list(entries_of(packed).items()))
    assert verify_pack(same).ok
    same = changed_catalog(packed, tmp_path / "b.pack", "SELECT 1")
    assert verify_pack(same).ok
    unpack(same, tmp_path / "index", host)


# -- names and entries -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("../up", "/etc/up", "backend/packed/../../../up", "C:/up", "backend\\up", "encoder/nul"),
        *("catalog.sqlite-wal", "catalog.sqlite-journal", "lock", "extra", "backend/other/x"),
        *("codeindex-pack.json", "encoder/../x", "CATALOG.SQLITE", "catalog.sqlite/x"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_no_pack_holds(packed, refused, tmp_path, name):
    entries = [*entries_of(packed).items(), (name, b"harm")]
    refused(write_pack(tmp_path / "a.pack", manifest_of(packed), entries), r"refused|duplicate")


def test_an_entry_that_is_not_listed_or_not_there(packed, refused, tmp_path):
    entries, manifest = list(entries_of(packed).items()), manifest_of(packed)
    more = [*entries, ("encoder/model.onnx", b"x")]
    refused(write_pack(tmp_path / "a.pack", manifest, more, listed=False), "is not in its list")
    fewer = entries[:1]
    refused(write_pack(tmp_path / "b.pack", manifest, fewer, listed=False), "is missing")
    turned = entries[::-1]
    refused(write_pack(tmp_path / "c.pack", manifest, turned, listed=False), "not in its place")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice(packed, refused, tmp_path):
    entries = list(entries_of(packed).items())
    both = [*entries, entries[0]]
    refused(write_pack(tmp_path / "a.pack", manifest_of(packed), both), "there twice")
    refused(write_pack(tmp_path / "b.pack", manifest_of(packed), both, listed=False), "twice")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_an_entry_that_is_no_plain_file(packed, refused, tmp_path, kind):
    info = zipfile.ZipInfo("backend/packed/link")
    info.external_attr = (kind | 0o777) << 16
    entries = [*entries_of(packed).items(), (info, b"/etc/passwd")]
    refused(write_pack(tmp_path / "a.pack", manifest_of(packed), entries), "no plain file")


def test_a_file_of_the_vector_index_that_its_catalog_does_not_name(packed, refused, tmp_path):
    entries = [*entries_of(packed).items(), ("backend/packed/more", b"x")]
    refused(write_pack(tmp_path / "a.pack", manifest_of(packed), entries), "its catalog names")


def test_sizes_that_are_not_so(packed, refused, tmp_path):
    entries, manifest = list(entries_of(packed).items()), manifest_of(packed)
    for size in (0, 10**15, manifest["entries"][0]["size"] + 1):
        lying = json.loads(json.dumps(manifest))
        lying["entries"][0]["size"] = size
        refused(write_pack(tmp_path / "a.pack", lying, entries, listed=False), "bytes")
    for size in (-1, 1.5, "1", None, True):
        lying["entries"][0]["size"] = size
        refused(
            write_pack(tmp_path / "a.pack", lying, entries, listed=False), "not what codeindex pack"
        )


def test_a_few_bytes_that_would_fill_the_disk(packed, refused, tmp_path):
    entries = [*entries_of(packed).items(), ("backend/packed/zeros", bytes(80 << 20))]
    refused(write_pack(tmp_path / "a.pack", manifest_of(packed), entries), "would grow from")


def test_entries_that_share_their_bytes(packed, refused, tmp_path):
    data = bytearray(packed.read_bytes())
    with zipfile.ZipFile(packed) as archive:
        first, last = archive.infolist()[1], archive.infolist()[-1]
    at = data.rindex(last.header_offset.to_bytes(4, "little"))
    data[at : at + 4] = first.header_offset.to_bytes(4, "little")
    (tmp_path / "a.pack").write_bytes(data)
    refused(tmp_path / "a.pack", "shares its bytes")


def test_bytes_before_the_first_entry_and_a_comment(packed, refused, tmp_path):
    (tmp_path / "a.pack").write_bytes(b"#!/bin/sh\nrm -r ~\n" + packed.read_bytes())
    refused(tmp_path / "a.pack", "more than the entries")
    with zipfile.ZipFile(packed, "a") as archive:
        archive.comment = b"a comment"
    refused(packed, "more than the entries")


@pytest.mark.parametrize("more", [b"x", b"PK", bytes(22), b"\n" * 70_000, b"PK\x05\x06\0"])
def test_bytes_after_the_end(packed, refused, tmp_path, more):
    (tmp_path / "a.pack").write_bytes(packed.read_bytes() + more)
    refused(tmp_path / "a.pack", "more than the entries|is cut short or damaged")


# -- what it is ------------------------------------------------------------------------------


def test_what_is_no_pack(refused, tmp_path):
    path = tmp_path / "a.pack"
    for data in (b"", b"hello", b"PK\x03\x04", b"\x00" * 5000):
        path.write_bytes(data)
        refused(path, "no pack of codeindex", UsageError)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "a ZIP of something else")
    refused(path, "does not begin with codeindex-pack.json", UsageError)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("codeindex-pack.json", "{}")
    refused(path, "no format", UsageError)


def test_a_newer_format_and_a_newer_catalog(packed, refused, tmp_path):
    newer = {**manifest_of(packed), "format": 2, "codeindex": "9.0"}
    path = write_pack(tmp_path / "a.pack", newer, list(entries_of(packed).items()))
    refused(path, r"format 2.*up to 1.*codeindex 9.0; upgrade", IndexVersionError)
    path = changed_catalog(packed, tmp_path / "b.pack", "PRAGMA user_version = 99")
    refused(path, "format 99.*newer version", IndexVersionError)


def test_a_pack_that_is_cut_short(packed, refused, tmp_path):
    data = packed.read_bytes()
    for length in (60, len(data) // 2, len(data) - 1):
        (tmp_path / "a.pack").write_bytes(data[:length])
        refused(tmp_path / "a.pack", "cut short or damaged.*copy or pack it again")


@pytest.mark.parametrize(
    "text",
    ["[]", "{", '{"format": 1}', "[" * 100_000, '{"format": 1, "entries": [{"name": 1}]}', "\xff"],
)
def test_a_list_of_entries_that_is_none(packed, host, tmp_path, text):
    with zipfile.ZipFile(tmp_path / "a.pack", "w") as archive:
        archive.writestr("codeindex-pack.json", text.encode("latin-1"))
    with pytest.raises(CodeIndexError):
        Pack(tmp_path / "a.pack")


def test_what_would_command_the_terminal(packed, refused, tmp_path):
    entries = list(entries_of(packed).items())
    for key in ("codeindex", "created"):
        hostile = {**manifest_of(packed), key: "\x1b]0;owned\x07"}
        refused(write_pack(tmp_path / "a.pack", hostile, entries), "no plain text")


def test_a_wrong_digest_names_its_entry(packed, refused, tmp_path):
    manifest, entries = manifest_of(packed), entries_of(packed)
    name = next(name for name in entries if name.startswith("backend/"))
    entries[name] = entries[name].replace(b"[", b"(", 1)
    path = write_pack(tmp_path / "a.pack", manifest, list(entries.items()), listed=False)
    refused(path, f"{name}' is not what was packed .its digest differs")


# -- the catalog -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            "CREATE TRIGGER harm AFTER INSERT ON outbox BEGIN DELETE FROM snippets; END",
            "the trigger 'harm'",
        ),
        ("CREATE VIEW harm AS SELECT load_extension('x')", "the view 'harm'"),
        ("CREATE TABLE harm (x)", "the table 'harm'"),
        ("CREATE INDEX harm ON snippets (length(code))", "the index 'harm'"),
        ("CREATE VIRTUAL TABLE harm USING fts5 (x)", "the table 'harm"),
        ("ALTER TABLE sources ADD COLUMN x AS (length(path))", "the table 'sources'"),
        ("DROP TABLE outbox", "lacks 'outbox'"),
        (
            "UPDATE sqlite_master SET sql = 'CREATE TABLE outbox (x)' WHERE name = 'outbox'",
            "outbox",
        ),
        ("UPDATE sqlite_master SET sql = 'no SQL' WHERE name = 'outbox'", "catalog is damaged"),
        ("PRAGMA journal_mode=WAL", "no plain SQLite database"),
        ("PRAGMA user_version = 0", "which codeindex does not make"),
        ("UPDATE snippets SET start_line = 'x'", "hold values"),
        ("UPDATE snippets SET extra = '{'", "hold values"),
        ("UPDATE snippets SET path = x'ff'", "hold values"),
        ("UPDATE vectors SET vector = 'text'", "hold values"),
        ("DELETE FROM snippets WHERE id = 1", "has 3 snippets, not 4"),
        ("UPDATE manifest SET value = '{' WHERE key = 'encoder'", "catalog is damaged"),
        ("DELETE FROM manifest WHERE key = 'encoder'", "does not say what the index is"),
        ("DELETE FROM manifest WHERE key = 'backend_files'", "not the one that its catalog names"),
        ("UPDATE manifest SET value = '\"../../x\"' WHERE key = 'backend_folder'", "does not say"),
        (
            'UPDATE manifest SET value = \'{"name": "../x", "options": {}}\''
            " WHERE key = 'backend'",
            "does not say",
        ),
        (
            "UPDATE manifest SET value = replace(value, '\"row\": 1', '\"row\": 1e99')"
            " WHERE key = 'encoder'",
            "does not say",
        ),
    ],
)
def test_a_catalog_that_is_not_ours(packed, refused, tmp_path, statement, reason):
    refused(changed_catalog(packed, tmp_path / "a.pack", statement), reason)


def test_a_catalog_that_is_no_database(packed, refused, tmp_path):
    entries = entries_of(packed)
    entries[CATALOG] = b"no database at all" * 1000
    path = write_pack(tmp_path / "a.pack", manifest_of(packed), list(entries.items()))
    refused(path, "no plain SQLite database")


def test_a_broken_page_of_a_catalog(packed, refused, tmp_path):
    entries = entries_of(packed)
    data = bytearray(entries[CATALOG])
    page = data.index(b"apple red sweet") // 16384 * 16384
    data[page + 3 : page + 5] = b"\x00\x01"  # it says that it has one row
    entries[CATALOG] = bytes(data)
    path = write_pack(tmp_path / "a.pack", manifest_of(packed), list(entries.items()))
    refused(path, "catalog is damaged")


def test_places_that_a_catalog_names_are_not_used(packed, host, tmp_path):
    path = changed_catalog(
        packed,
        tmp_path / "a.pack",
        "UPDATE manifest SET value = '\"../../../..\"' WHERE key = 'root'",
        "UPDATE manifest SET value = '{\"x\": [1, 2]}' WHERE key = 'backend_stamps'",
    )
    unpack(path, tmp_path / "index", host)
    with Index.open(index=tmp_path / "index", host=host) as index:
        assert index.root == tmp_path
        assert index.verify().ok


# -- what could be run -----------------------------------------------------------------------


class Harm:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def arrays(**values) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **values)
    return buffer.getvalue()


def with_file(packed, target, name, data):
    """The pack with one more file of the vector index, which its catalog names."""
    digest = hashlib.sha256(data).hexdigest()
    statement = (
        f"UPDATE manifest SET value = json_insert(value, '$.\"{name}\"', '{digest}')"  # noqa: S608
        " WHERE key = 'backend_files'"
    )
    changed = changed_catalog(packed, target.with_name("changed.pack"), statement)
    entries = [*entries_of(changed).items(), (f"backend/packed/{name}", data)]
    return write_pack(target, manifest_of(changed), entries)


def test_arrays_of_objects_are_refused_unread(packed, refused, host, tmp_path):
    harm = Harm(tmp_path / "harm")
    objects = np.array([harm], dtype=object)
    single = io.BytesIO()
    np.save(single, objects, allow_pickle=True)
    target = tmp_path / "a.pack"
    both = arrays(plain=np.ones(3), harm=objects)
    refused(with_file(packed, target, "a.npz", both), "'harm.npy' in .* holds Python objects")
    refused(with_file(packed, target, "a.npy", single.getvalue()), "holds Python objects")
    refused(with_file(packed, target, "a.npy", pickle.dumps(harm)), "no file of arrays")
    refused(with_file(packed, target, "a.npz", pickle.dumps(harm)), "no file of arrays")
    assert not harm.folder.exists()
    plain = with_file(packed, target, "a.npz", arrays(plain=np.ones(3)))
    unpack(plain, tmp_path / "index", host)
    pickle.loads(pickle.dumps(harm))  # noqa: S301
    assert harm.folder.exists()


@pytest.fixture(scope="module")
def real() -> Host:
    return Host.load(only=["python", "onnx", "faiss"])


@pytest.fixture(scope="module")
def with_encoder(real, tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    (root / "a.py").write_text("def parse():\n    pass\n")
    with Index.open(root, create=True, host=real) as index:
        index.update()
    return pack(root / ".codeindex", root / "good.pack", real).file


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("encoder/evil.so", b"\x7fELF", "'evil.so' is no file of an encoder bundle"),
        ("encoder/encoder.json", b"[]", "must hold an object"),
        ("encoder/encoder.json", b'{"towers": 1}', "lacks name"),
        ("encoder/tokenizer.json", b"{}", "digest differs"),
        ("encoder/model.onnx", None, "no bundle.*cannot read"),
    ],
)
def test_an_encoder_that_is_not_that_of_the_index(with_encoder, tmp_path, real, name, data, reason):
    entries = entries_of(with_encoder)
    entries[name] = data
    path = write_pack(
        tmp_path / "a.pack",
        manifest_of(with_encoder),
        [item for item in entries.items() if item[1] is not None],
    )
    with pytest.raises(DamagedIndexError, match=reason):
        unpack(path, tmp_path / "index", real)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pack"]
    assert not verify_pack(path).ok


def test_another_sound_encoder(with_encoder, tmp_path, real):
    entries = entries_of(with_encoder)
    facts = json.loads(entries["encoder/encoder.json"])
    facts["prompts"]["query"] = "other "
    entries["encoder/encoder.json"] = json.dumps(facts).encode()
    path = write_pack(tmp_path / "a.pack", manifest_of(with_encoder), list(entries.items()))
    with pytest.raises(DamagedIndexError, match="not the one that its index was built with"):
        unpack(path, tmp_path / "index", real)
