"""A stand-in for a Qdrant server: the REST shapes of the client in use, with planted faults.

Requests are read with the client's own models, so a wrong shape is refused as a server would.
"""

from __future__ import annotations

from double.server import Double
from double.store import Store

__all__ = ["Double", "Store"]
