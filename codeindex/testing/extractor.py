"""ExtractorContract: snippets that are what stands in the source, whatever the source."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from codeindex.errors import ExtractionError
from codeindex.extraction import prepared
from codeindex.interfaces import Extractor
from codeindex.snippet import Snippet, SourceFile
from codeindex.testing.contract import Contract, undecided

_EXAMPLES = 60


class ExtractorContract(Contract):
    """What the host relies on in an extractor.

    Attributes:
        samples: file name → text of sources that give snippets; by default, the example
            that the spec declares.
    """

    kind = "extractor"
    samples: ClassVar[Mapping[str, str]] = {}

    def test_the_samples_give_snippets(self, tmp_path: Path) -> None:
        """Every sample gives at least one snippet or source within it."""
        for name, text in self._samples().items():
            assert self._extract(name, text, tmp_path), f"{name} gave nothing"

    def test_spans_give_back_the_source(self, tmp_path: Path) -> None:
        """Lines start..end of the source, 1-based and inclusive, are the snippet's code."""
        for name, text in self._samples().items():
            _check_spans(self._extract(name, text, tmp_path), text, name)

    def test_snippets_say_where_they_are_from(self, tmp_path: Path) -> None:
        """Path and language are the source's, kind and name are given, extra is JSON."""
        for name, text in self._samples().items():
            source = self._source(name, text, tmp_path)
            for item in self.extractor().extract(source):
                if isinstance(item, SourceFile):
                    assert item.path and item.language, f"a source without path or language: {item}"
                    continue
                assert item.path == source.path, f"path {item.path!r}, not {source.path!r}"
                assert item.language == source.language, f"language {item.language!r}"
                assert item.kind, f"{item.name!r} has no kind"
                assert item.name, f"a {item.kind} at line {item.start_line} has no name"
                assert json.loads(json.dumps(dict(item.extra))) == dict(item.extra), (
                    f"{item.name}: extra is not what JSON gives back"
                )

    def test_snippets_come_in_order(self, tmp_path: Path) -> None:
        """Snippets are in the order of their first lines."""
        for name, text in self._samples().items():
            starts = [
                item.start_line
                for item in self._extract(name, text, tmp_path)
                if isinstance(item, Snippet)
            ]
            assert starts == sorted(starts), f"{name}: first lines {starts}"

    def test_keys_are_unique_and_stable(self, tmp_path: Path) -> None:
        """Extracting again, and with a new instance, gives the same keys, each once."""
        for name, text in self._samples().items():
            first = _keys(self._extract(name, text, tmp_path))
            assert len(first) == len(set(first)), f"{name}: two snippets have one key"
            extractor = self.extractor()
            for _ in range(2):
                again = _keys(list(extractor.extract(self._source(name, text, tmp_path))))
                assert again == first, f"{name}: other keys when extracted again"

    def test_snippets_come_as_they_are_asked_for(self, tmp_path: Path) -> None:
        """`extract` gives an iterator; one that streams yields before it has read to the end."""
        for name, text in self._samples().items():
            items = self.extractor().extract(self._source(name, text, tmp_path))
            assert isinstance(items, Iterator), f"extract gave a {type(items).__name__}"
            if self.offer().spec.streams:
                # The end is missing: who reads ahead finds that out before the first snippet.
                cut = self._source(name, text.rstrip()[:-1], tmp_path)
                try:
                    next(self.extractor().extract(cut))
                except ExtractionError as error:
                    raise AssertionError(f"{name} was read to its end at once: {error}") from None

    def test_odd_sources_are_read_or_refused_with_a_reason(self, tmp_path: Path) -> None:
        """Cut, doubled, empty and senseless sources give right snippets or `ExtractionError`."""
        for name, text in self._samples().items():
            for odd in _odd(text):
                self._check_any(name, odd, tmp_path)

    def test_sources_of_any_kind_are_read_or_refused(self, tmp_path: Path) -> None:
        """What hypothesis makes of the samples gives right snippets or `ExtractionError`."""
        try:
            from hypothesis import HealthCheck, given, settings
            from hypothesis import strategies as st
        except ImportError:
            undecided("it needs hypothesis: pip install hypothesis")
        samples = self._samples()
        lines = sorted({line for text in samples.values() for line in text.split("\n")})
        texts = st.one_of(
            st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"])),
            st.lists(st.sampled_from(lines)).map("\n".join),
        )

        @settings(
            max_examples=_EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.sampled_from(sorted(samples)), texts)
        def check(name: str, text: str) -> None:
            self._check_any(name, text, tmp_path)

        check()

    def test_a_bad_source_does_not_spoil_the_next(self, tmp_path: Path) -> None:
        """An instance that refused a source reads the next one as a new instance does."""
        extractor = self.extractor()
        for name, text in self._samples().items():
            for odd in _odd(text)[:4]:
                try:
                    list(extractor.extract(self._source(name, odd, tmp_path)))
                except ExtractionError:
                    continue
            after = list(extractor.extract(self._source(name, text, tmp_path)))
            assert _keys(after) == _keys(self._extract(name, text, tmp_path))

    # -- helpers -----------------------------------------------------------------------------

    def extractor(self) -> Extractor:
        """The extractor under test."""
        extractor: Extractor = self.build(self.offer().spec.make)
        return extractor

    def _samples(self) -> Mapping[str, str]:
        samples = self.samples or self.offer().spec.example
        if not samples:
            undecided("there is no sample: the spec declares no `example`")
        return samples

    def _source(self, name: str, text: str, folder: Path) -> SourceFile:
        location = folder / Path(name).name
        location.write_text(text, "utf-8", newline="")
        spec = self.offer().spec
        suffix = next((end for end in spec.suffixes if name.lower().endswith(end)), "")
        language = spec.suffixes.get(suffix) or next(iter(spec.suffixes.values()), spec.name)
        return SourceFile(name, language, "" if spec.streams else text, location)

    def _extract(self, name: str, text: str, folder: Path) -> list[Snippet | SourceFile]:
        return list(self.extractor().extract(self._source(name, text, folder)))

    def _check_any(self, name: str, text: str, folder: Path) -> None:
        try:
            items = self._extract(name, text, folder)
        except ExtractionError as error:
            assert str(error).strip(), f"refused without a reason: {text[:80]!r}"
            return
        except (RecursionError, MemoryError):
            return  # the host gives these as the reason
        _check_spans(items, text, name)
        keys = _keys(items)
        assert len(keys) == len(set(keys)), f"two snippets have one key, of {text[:80]!r}"


def _check_spans(items: list[Snippet | SourceFile], text: str, name: str) -> None:
    lines = text.split("\n")
    for item in items:
        if isinstance(item, SourceFile):
            continue
        place = f"{name}:{item.start_line}-{item.end_line} {item.name}"
        assert 1 <= item.start_line <= item.end_line <= len(lines), f"{place}: no such lines"
        there = "\n".join(lines[item.start_line - 1 : item.end_line])
        assert item.code == there, f"{place}: the lines are not the code:\n{there}\n--\n{item.code}"


def _keys(items: list[Snippet | SourceFile]) -> list[bytes]:
    snippets = (item for item in items if isinstance(item, Snippet))
    return [incoming.key for incoming in prepared(snippets)]


def _odd(text: str) -> list[str]:
    cuts = [text[: len(text) * part // 9] for part in range(9)]
    return [
        *cuts,
        text + text,
        text.upper(),
        text.replace("\n", "\n\n"),
        "\n" * 50,
        "\ufeff" + text,
        "é→漢🙂\n" * 20,
        "(" * 3000,
        "x" * 100_000,
        " " * 1000 + "\n\t\n",
    ]
