"""Contract suites for authors of plugins: what the host relies on, as tests to inherit.

A suite is subclassed, in a test file of the plugin, in a few lines, and run by pytest::

    from codeindex.testing import BackendContract, PluginContract

    class TestMyBackend(BackendContract):
        plugin = "my_package"
        name = "mine"

    class TestMyPlugin(PluginContract):
        plugin = "my_package"

``codeindex plugins check`` runs the same suites on installed plugins, without pytest.
"""

from codeindex.testing.backend import BackendContract
from codeindex.testing.contract import Contract, Undecided
from codeindex.testing.encoder import EncoderContract
from codeindex.testing.extractor import ExtractorContract
from codeindex.testing.plugin import PluginContract
from codeindex.testing.reranker import RerankerContract
from codeindex.testing.runner import Outcome, Status, run_contract

__all__ = [
    "BackendContract",
    "Contract",
    "EncoderContract",
    "ExtractorContract",
    "Outcome",
    "PluginContract",
    "RerankerContract",
    "Status",
    "Undecided",
    "run_contract",
]
