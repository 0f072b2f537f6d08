"""How to export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OPSET = 18


@dataclass(frozen=True)
class ExportOptions:
    """How to export; the help of the command says what each means.

    Attributes:
        check_limit: pairs to check with; 0: as many as the model's size allows.
        hubness: pairs by which hubs are held back, see `codeindex.hubness`; None: they are not.
    """

    precision: Literal["fp32", "int8"] = "int8"
    optimize: bool = True
    opset: int = OPSET
    pooling: str = "auto"
    max_length: int = 0
    min_recall_ratio: float = 0.995
    check_pairs: Path | None = None
    check_limit: int = 0
    hubness: Path | None = None
    licence: str = ""
    overwrite: bool = False
