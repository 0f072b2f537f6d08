"""A tree in which every snippet says of which file and which version it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from codeindex.snippet import Snippet

TOPICS = (
    *("hammer", "saw", "apple", "river", "cloud", "engine", "letter", "window", "bread", "horse"),
    *("candle", "mirror", "ladder", "anchor", "feather", "basket"),
)


def write_version(tree: Path, topic: str, version: int) -> None:
    """Writes the file of a topic: two functions, which both name topic and version."""
    (tree / f"{topic}.py").write_text(
        f"def lift_{topic}(weight):\n"
        f'    """Lift the {topic}."""\n'
        f'    return weight, "{topic} version {version}"\n\n\n'
        f"def paint_{topic}(colour):\n"
        f'    """Paint the {topic}."""\n'
        f'    return colour, "{topic} version {version}"\n'
    )


def torn(snippet: Snippet) -> str:
    """What is wrong with a snippet that no version of the tree has, or nothing."""
    versions = marks(snippet)
    topic = snippet.path.removesuffix(".py")
    if not versions or any(named != topic for named, _ in versions):
        return f"{snippet.path}, {snippet.name}: its code is not of this file: {snippet.code!r}"
    if len(set(versions)) > 1 or topic not in snippet.name:
        return f"{snippet.path}, {snippet.name}: of several versions: {snippet.code!r}"
    return ""


def version_of(snippet: Snippet) -> int:
    """The version that the code names."""
    return marks(snippet)[0][1]


def marks(snippet: Snippet) -> Sequence[tuple[str, int]]:
    """(topic, version) as often as the code names them."""
    found = re.findall(r'"(\w+) version (\d+)"', snippet.code)
    return [(topic, int(version)) for topic, version in found]
