"""EncoderContract: vectors of the right shape, in order, whatever the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from codeindex.interfaces import Encoder
from codeindex.testing.contract import Contract, undecided
from codeindex.vectors import Embeddings

SAMPLES = (
    "def parse_date(text):\n    return datetime.strptime(text, FORMAT)",
    "Open a TCP socket and listen on a port.",
    "class Retry:\n    def wait(self, attempt):\n        return 2 ** attempt",
    "compress the file with gzip",
    "SELECT name FROM users WHERE id = ?",
    "matrix multiplication of two dense arrays",
    "x",
)


class EncoderContract(Contract):
    """What the host relies on in an encoder.

    Attributes:
        texts: distinct texts that the encoder can tell apart.
        variants: option values that make another encoder; each is compared with `options`.
        tolerance: how far a number of a vector may be off when a text is encoded again or
            in other company.
    """

    kind = "encoder"
    texts: ClassVar[Sequence[str]] = SAMPLES
    variants: ClassVar[Sequence[Mapping[str, Any]]] = ()
    tolerance: ClassVar[float] = 1e-4

    def test_it_says_what_it_is(self) -> None:
        """`info` has a name, a fingerprint, the dimensions and the longest text."""
        info = self.encoder().info
        assert info.name and info.fingerprint, f"a name or fingerprint is empty: {info}"
        assert isinstance(info.dim, int) and info.dim > 0, f"dim is {info.dim!r}"
        assert isinstance(info.max_tokens, int) and info.max_tokens > 0, (
            f"max_tokens is {info.max_tokens!r}"
        )

    def test_vectors_have_the_promised_shape_and_type(self) -> None:
        """Queries and corpus give float32 arrays of shape (texts, dim)."""
        encoder = self.encoder()
        for name, encode in _both(encoder):
            vectors = encode(list(self.texts))
            expected = (len(self.texts), encoder.info.dim)
            assert isinstance(vectors, np.ndarray), f"{name} gave {type(vectors).__name__}"
            assert vectors.shape == expected, f"{name} gave {vectors.shape}, not {expected}"
            assert vectors.dtype == np.float32, f"{name} gave {vectors.dtype}"

    def test_vectors_are_finite_and_of_unit_length(self) -> None:
        """Every vector is finite and has length 1 (0 if its text has no token)."""
        for name, encode in _both(self.encoder()):
            vectors = encode([*self.texts, *_ODD])
            assert np.isfinite(vectors).all(), f"{name} gave NaN or infinity"
            norms = np.linalg.norm(vectors, axis=1)
            wrong = [float(norm) for norm in norms if min(abs(norm - 1), norm) > 1e-3]
            assert not wrong, f"{name} gave vectors of length {wrong[0]:.4f}"
            named = norms[: len(self.texts)]
            assert (named > 0.5).all(), f"{name} gave a zero vector for an ordinary text"

    def test_vectors_are_in_the_order_of_the_texts(self) -> None:
        """The n-th vector is that of the n-th text, also among texts of other lengths."""
        texts = _of_many_lengths(self.texts)
        order = np.random.default_rng(0).permutation(len(texts))
        for name, encode in _both(self.encoder()):
            straight = encode(texts)
            shuffled = encode([texts[place] for place in order])
            self._assert_close(shuffled, straight[order], f"{name}, texts in another order")

    def test_company_does_not_matter(self) -> None:
        """A text's vector is the same alone, among few and beside a very long text."""
        texts = _of_many_lengths(self.texts)
        for name, encode in _both(self.encoder()):
            together = encode(texts)
            for size in (1, 3):
                parts = [encode(texts[at : at + size]) for at in range(0, len(texts), size)]
                self._assert_close(np.vstack(parts), together, f"{name}, {size} at a time")
            beside = encode([texts[0], "long " * 5000])[:1]
            self._assert_close(beside, together[:1], f"{name}, beside a long text")

    def test_the_same_text_gives_the_same_vector(self) -> None:
        """Encoding again, also with a new instance, gives the same vectors."""
        first = self.encoder()
        for (name, encode), (_, other) in zip(_both(first), _both(self.encoder()), strict=True):
            vectors = encode(list(self.texts))
            self._assert_close(encode(list(self.texts)), vectors, f"{name}, again")
            self._assert_close(other(list(self.texts)), vectors, f"{name}, a new instance")

    def test_no_texts_give_no_vectors(self) -> None:
        """An empty list gives an array of shape (0, dim)."""
        encoder = self.encoder()
        for name, encode in _both(encoder):
            shape = np.shape(encode([]))
            assert shape == (0, encoder.info.dim), f"{name} gave shape {shape}"

    def test_texts_of_any_kind_are_taken(self) -> None:
        """Empty, very long and odd texts give one vector each, and change no other."""
        encoder = self.encoder()
        for name, encode in _both(encoder):
            alone = encode(list(self.texts[:1]))
            vectors = encode([*_ODD, self.texts[0]])
            assert len(vectors) == len(_ODD) + 1, f"{name} gave {len(vectors)} vectors"
            self._assert_close(vectors[-1:], alone, f"{name}, a text after odd ones")

    def test_queries_and_corpus_share_a_space(self) -> None:
        """Asked for in its own words, a text is the nearest of the corpus."""
        encoder = self.encoder()
        scores = (
            encoder.encode_queries(list(self.texts)) @ encoder.encode_corpus(list(self.texts)).T
        )
        for row, nearest in enumerate(scores.argmax(axis=1).tolist()):
            assert nearest == row, f"{self.texts[row]!r} found {self.texts[nearest]!r}"

    def test_the_fingerprint_stands_for_the_vectors(self) -> None:
        """It is the same for the same options, another where the vectors are others."""
        encoder = self.encoder()
        assert self.encoder().info.fingerprint == encoder.info.fingerprint, (
            "two encoders with the same options have different fingerprints"
        )
        vectors = encoder.encode_corpus(list(self.texts))
        for options in self.variants:
            other = self.encoder(**options)
            theirs = other.encode_corpus(list(self.texts))
            same = theirs.shape == vectors.shape and np.allclose(theirs, vectors, atol=1e-3)
            assert same or other.info.fingerprint != encoder.info.fingerprint, (
                f"options {dict(options)} give other vectors under the same fingerprint"
            )

    def test_the_list_of_texts_is_left_untouched(self) -> None:
        """The caller's list is not changed."""
        for name, encode in _both(self.encoder()):
            texts = list(self.texts)
            encode(texts)
            assert texts == list(self.texts), f"{name} changed the list it was given"

    # -- helpers -----------------------------------------------------------------------------

    def encoder(self, **changes: Any) -> Encoder:
        """The encoder under test."""
        try:
            encoder: Encoder = self.build(self.offer().spec.make, **changes)
        except Exception as error:
            if not self.options and not changes and _asks_for_options(error):
                undecided(
                    f"it needs options ({error}); give them as `options`, or -O NAME.KEY=VALUE"
                )
            raise
        return encoder

    def _assert_close(self, given: Embeddings, expected: Embeddings, what: str) -> None:
        assert given.shape == expected.shape, f"{what}: {given.shape}, not {expected.shape}"
        furthest = float(np.abs(given - expected).max()) if given.size else 0.0
        assert furthest <= self.tolerance, f"{what}: a number is off by {furthest:.2g}"


_ODD = (
    "",
    " \n\t ",
    "()[]{};:,.",
    "word " * 20_000,
    "x" * 50_000,
    "größe → 漢字 🙂 العربية",
    "a\0b\x07c",
    "\u200b\ufeff",
)


def _asks_for_options(error: Exception) -> bool:
    from codeindex.errors import CodeIndexError, OptionError

    return isinstance(error, OptionError) or (
        isinstance(error, CodeIndexError) and "-E " in str(error)
    )


def _both(encoder: Encoder) -> list[tuple[str, Any]]:
    return [
        ("encode_queries", encoder.encode_queries),
        ("encode_corpus", encoder.encode_corpus),
    ]


def _of_many_lengths(texts: Sequence[str]) -> list[str]:
    """The texts, repeated to lengths that any bucketing by length would part."""
    return [" ".join([text] * times) for times in (1, 7, 2, 19) for text in texts]
