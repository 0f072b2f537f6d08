"""How well an index finds: questions, judgements, metrics, intervals and comparisons."""

from codeindex.evaluation.intervals import bootstrap_interval
from codeindex.evaluation.ranks import Retrieval, first_ranks, retrieval

__all__ = ["Retrieval", "bootstrap_interval", "first_ranks", "retrieval"]
