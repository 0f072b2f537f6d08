"""`hookimpl`: the decorator with which a plugin marks its hook functions."""

from __future__ import annotations

import pluggy

hookimpl = pluggy.HookimplMarker("codeindex")
