"""Notebooks: the contract, and what is particular to them."""

import json

import pytest

from codeindex.errors import ExtractionError
from codeindex.snippet import SourceFile
from codeindex.testing import ExtractorContract, PluginContract
from codeindex_notebooks.extractor import NotebookExtractor


class TestNotebooks(ExtractorContract):
    plugin = "codeindex_notebooks"


class TestPlugin(PluginContract):
    plugin = "codeindex_notebooks"


def cells(*cells, min_lines=1, **facts):
    notebook = {"cells": [{"cell_type": kind, "source": text} for kind, text in cells], **facts}
    source = SourceFile("a/b.ipynb", "notebook", json.dumps(notebook))
    return list(NotebookExtractor(min_lines).extract(source))


def test_code_cells_are_sources_with_the_heading_above_them():
    first, second = cells(
        ("code", "x = 1"), ("markdown", ["# Fit\n", "text"]), ("raw", "r"), ("code", "y = 2")
    )
    assert (first.path, first.text, first.extra) == (
        "a/b.ipynb#cell-1",
        "x = 1",
        {"cell": 1, "heading": ""},
    )
    assert (second.path, second.extra["heading"]) == ("a/b.ipynb#cell-4", "# Fit\ntext")


def test_lines_of_ipython_become_comments_and_keep_their_number():
    (cell,) = cells(("code", "%%time\n!ls\ndef f():\n    return 1\nf?"))
    assert cell.text == "# %%time\n# !ls\ndef f():\n    return 1\n# f?"


def test_short_and_empty_cells_are_left_out():
    assert [c.extra["cell"] for c in cells(("code", "a"), ("code", "a\nb"), min_lines=2)] == [2]
    assert cells(("code", " \n")) == []


def test_the_kernel_says_the_language():
    for metadata, language in (
        ({"kernelspec": {"language": "R"}}, "r"),
        ({"language_info": {"name": "python3"}}, "python"),
        ({}, "python"),
        (7, "python"),
    ):
        (cell,) = cells(("code", "x"), metadata=metadata)
        assert cell.language == language


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": 1}', "{", "[" * 100_000])
def test_what_is_no_notebook_is_refused(text):
    with pytest.raises(ExtractionError, match="no notebook"):
        list(NotebookExtractor(1).extract(SourceFile("a.ipynb", "notebook", text)))
