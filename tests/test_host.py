"""The host: what plugins offer, and how one broken plugin leaves the others alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pytest

from codeindex.errors import NotFoundError, OptionError, PluginError
from codeindex.hookimpl import hookimpl
from codeindex.host import Host
from codeindex.specs import EncoderSpec


def encoder_plugin(name: str, **changes):
    class Plugin:
        @hookimpl
        def codeindex_encoders(self):
            return [EncoderSpec(name=name, summary="s", make=lambda options: object(), **changes)]

    return Plugin()


def test_an_offer_is_found_with_its_plugin_and_distribution(host):
    offer = host.encoders.get("words")
    assert (offer.plugin, offer.distribution) == ("toys", "toy-distribution")
    assert host.encoders.names() == ["fast", "words"]


def test_a_missing_name_lists_what_is_installed(host):
    with pytest.raises(NotFoundError, match="no backend 'fais'; installed: brute, faiss"):
        host.backends.get("fais")


def test_two_plugins_with_one_name_are_an_error_that_names_both():
    host = Host()
    host.register(encoder_plugin("x"), "one", "dist-one")
    host.register(encoder_plugin("x"), "two", "dist-two")
    with pytest.raises(PluginError, match="'one'.*dist-one.*'two'.*dist-two"):
        host.encoders.get("x")
    assert host.encoders.names() == []


class Raises:
    @hookimpl
    def codeindex_encoders(self):
        raise RuntimeError("no luck")


class Misspelt:
    @hookimpl
    def codeindex_encodres(self):
        return []


class WrongArgument:
    @hookimpl
    def codeindex_encoders(self, surplus):
        return []


class WrongSpec:
    @hookimpl
    def codeindex_encoders(self):
        return ["not a spec"]


class NoList:
    @hookimpl
    def codeindex_encoders(self):
        return "words"


class HalfGood:
    @hookimpl
    def codeindex_encoders(self):
        yield EncoderSpec(name="half", summary="s", make=lambda options: object())
        raise RuntimeError("then it breaks")


class Exits:
    @hookimpl
    def codeindex_encoders(self):
        raise SystemExit(3)


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        (Raises, "no luck"),
        (Misspelt, "no hook codeindex_encodres; the hooks: .*codeindex_encoders"),
        (WrongArgument, "surplus"),
        (WrongSpec, "'not a spec'"),
        (NoList, "no list of specs"),
        (HalfGood, "then it breaks"),
        (Exits, "SystemExit"),
    ],
)
def test_a_broken_plugin_is_named_and_the_others_go_on(host, plugin, said):
    host.register(plugin(), "bad", "bad-distribution")
    (broken,) = host.broken
    assert (broken.name, broken.distribution) == ("bad", "bad-distribution")
    assert re.search(said, broken.error)
    assert host.encoders.names() == ["fast", "words"]
    with pytest.raises(NotFoundError, match="'bad' .bad-distribution. is broken"):
        host.encoders.get("absent")


def test_a_plugin_that_fails_to_import_is_broken_not_fatal(monkeypatch, tmp_path):
    (tmp_path / "explosive_plugin.py").write_text("raise ImportError('missing part')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        "importlib.metadata.entry_points",
        lambda group: [EntryPoint("explosive", "explosive_plugin", group)],
    )
    host = Host.load()
    assert [(b.name, b.error) for b in host.broken] == [("explosive", "ImportError: missing part")]


def test_only_and_skip_choose_plugins(monkeypatch):
    loaded = {offer.plugin for offer in Host.load().encoders.offers()}
    assert "onnx" in loaded
    assert Host.load(only=["faiss"]).encoders.names() == []
    assert Host.load(only=["faiss"]).backends.names() == ["faiss"]
    assert "faiss" not in Host.load(skip=["faiss"]).backends.names()


def test_a_missing_library_is_said_with_its_remedy():
    host = Host()
    plugin = encoder_plugin("heavy", requires=("no_such_module",), install="pip install heavy")
    host.register(plugin, "p", "d")
    assert host.encoders.offers()[0].missing == ("no_such_module",)
    with pytest.raises(PluginError, match="needs no_such_module.*run: pip install heavy"):
        host.encoders.get("heavy")


@dataclass(frozen=True)
class Strict:
    size: int = 1

    def __post_init__(self):
        if self.size < 0:
            raise ValueError("size is negative")


def test_options_reach_make_typed_and_failures_name_the_plugin():
    seen = []

    def make(options):
        seen.append(options)
        raise KeyError("inner")

    class Plugin:
        @hookimpl
        def codeindex_encoders(self):
            return [EncoderSpec(name="e", summary="s", options=Strict, make=make)]

    host = Host()
    host.register(Plugin(), "p", "dist")
    offer = host.encoders.get("e")
    with pytest.raises(PluginError, match=r"encoder 'e' \(plugin 'p' of dist\) failed: KeyError"):
        host.make(offer, "encoder", {"size": "7"}, offer.spec.make)
    assert seen == [Strict(7)]
    with pytest.raises(OptionError, match="size is negative"):
        host.make(offer, "encoder", {"size": "-7"}, offer.spec.make)
