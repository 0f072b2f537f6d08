"""Documents: the snippets of a segment, and how many words each has in every field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codeindex.lexical.scores import Ids
from codeindex.lexical.weights import FIELDS

Lengths = npt.NDArray[np.uint16]
"""(n, 4) words in each field of `FIELDS`, 65,535 at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Documents:
    """The documents of a segment. Postings name them by their position here.

    Attributes:
        ids: (n,) of the snippets, ascending.
        lengths: (n, 4) see `Lengths`.
    """

    ids: Ids
    lengths: Lengths

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, ids: Ids) -> npt.NDArray[np.int64]:
        """(m,) positions of those of the ids, which ascend, that are here."""
        places = np.searchsorted(self.ids, ids)
        inside = places < len(self.ids)
        places, wanted = places[inside], ids[inside]
        found: npt.NDArray[np.int64] = places[self.ids[places] == wanted].astype(np.int64)
        return found


def encode_documents(documents: Documents) -> tuple[bytes, bytes]:
    """Ids and lengths as the catalog keeps them: little-endian, int64 and uint16."""
    return documents.ids.astype("<i8").tobytes(), documents.lengths.astype("<u2").tobytes()


def decode_documents(ids: bytes, lengths: bytes) -> Documents:
    """What `encode_documents` has written.

    Raises:
        ValueError: the sizes do not fit, or the ids do not ascend.
    """
    read = np.frombuffer(ids, dtype="<i8").astype(np.int64, copy=False)
    words = np.frombuffer(lengths, dtype="<u2").astype(np.uint16, copy=False)
    if not (np.diff(read) > 0).all():
        raise ValueError("ids do not ascend")
    return Documents(read, words.reshape(len(read), len(FIELDS)))


def kept(documents: Documents, removed: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(n,) which documents are not among those removed, given by position."""
    mask = np.ones(len(documents), dtype=np.bool_)
    mask[removed] = False
    return mask


def joined(parts: Sequence[tuple[Documents, npt.NDArray[np.bool_]]]) -> Documents:
    """The documents of several segments that follow each other, without those not kept."""
    return Documents(
        np.concatenate([documents.ids[mask] for documents, mask in parts]),
        np.concatenate([documents.lengths[mask] for documents, mask in parts]),
    )
