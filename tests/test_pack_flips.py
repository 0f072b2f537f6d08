"""Every byte of a pack counts: flipped, it is noticed, or the pack holds what it held."""

from __future__ import annotations

import random
import zipfile

import pytest
from packs import below

from codeindex.errors import CodeIndexError
from codeindex.packing.archive import Pack
from codeindex.packing.check import verify_pack
from codeindex.packing.pack import pack
from codeindex.packing.unpack import unpack

SAMPLES = 300


@pytest.fixture
def packed(opened, host, tmp_path):
    opened.update()
    return pack(opened.folder, tmp_path / "good.pack", host).file


def directory_of(packed) -> int:
    """Where the list of all entries at the end of the archive begins."""
    with zipfile.ZipFile(packed) as archive:
        return archive.start_dir


def flipped(data: bytes, offset: int, rng: random.Random) -> bytes:
    return data[:offset] + bytes([data[offset] ^ rng.randint(1, 255)]) + data[offset + 1 :]


def all_bytes(path):
    """What a pack holds, read as `unpack` reads it."""
    held = {}
    with Pack(path) as opened:
        for entry in opened.manifest.entries:
            parts: list[bytes] = []
            opened.copy(entry, parts.append)
            held[entry.name] = b"".join(parts)
        return opened.manifest, held


def test_any_byte_flipped_is_noticed_or_harmless(packed, tmp_path):
    data, good = packed.read_bytes(), all_bytes(packed)
    rng = random.Random(0)
    with zipfile.ZipFile(packed) as archive:
        after_manifest = archive.infolist()[1].header_offset
    offsets = {
        *range(after_manifest),
        *range(directory_of(packed), len(data)),
        *(len(data) * number // SAMPLES for number in range(SAMPLES)),
    }
    path, noticed = tmp_path / "a.pack", 0
    for offset in sorted(offsets):
        path.write_bytes(flipped(data, offset, rng))
        try:
            held = all_bytes(path)
        except CodeIndexError:
            noticed += 1
        else:
            assert held == good, offset
    assert noticed > 0.8 * len(offsets)


def test_flips_are_noticed_by_verify_and_unpack_alike(packed, host, tmp_path):
    data, rng = packed.read_bytes(), random.Random(1)
    unpack(packed, tmp_path / "good", host)
    good = below(tmp_path / "good")
    path = tmp_path / "a.pack"
    kinds = set()
    for offset in rng.sample(range(len(data)), 40) + list(
        range(directory_of(packed), len(data), 9)
    ):
        path.write_bytes(flipped(data, offset, rng))
        before = {item.name for item in tmp_path.iterdir()}
        try:
            sound = verify_pack(path).ok
        except CodeIndexError:
            sound = False
        try:
            unpack(path, tmp_path / "index", host)
        except CodeIndexError:
            assert not sound, offset
            assert {item.name for item in tmp_path.iterdir()} == before
        else:
            assert sound, offset
            assert below(tmp_path / "index").keys() == good.keys()
            (tmp_path / "index").rename(tmp_path / f"unpacked-{offset}")
        kinds.add(sound)
    assert kinds == {True, False}


def test_cut_anywhere_it_is_no_pack(packed, tmp_path):
    data, path = packed.read_bytes(), tmp_path / "a.pack"
    for length in range(0, len(data), max(1, len(data) // 100)):
        path.write_bytes(data[:length])
        with pytest.raises(CodeIndexError):
            Pack(path)
