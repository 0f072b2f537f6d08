"""Giving memory back: graphs are large, and hang together in circles."""

from __future__ import annotations

import ctypes
import gc
import sys


def release_memory() -> None:
    """Frees what nobody refers to, back to the system where its C library can do that."""
    gc.collect()
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc
    if trim is not None:
        trim(0)
