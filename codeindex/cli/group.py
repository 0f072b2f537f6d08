"""The ``codeindex`` command itself: its options, and its subcommands, loaded when run."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, NamedTuple

import click

from codeindex import __version__
from codeindex.cli.session import Session
from codeindex.errors import PluginError


class _Builtin(NamedTuple):
    target: str
    summary: str


_BUILTINS = {
    "copy": _Builtin("codeindex.cli.copy:copy", "Copy an index into another backend."),
    "doctor": _Builtin("codeindex.cli.doctor:doctor", "Say whether this installation works."),
    "embed": _Builtin("codeindex.cli.embed:embed", "Write vectors of papers' code, and an index."),
    "eval": _Builtin("codeindex.cli.eval:evaluate", "Measure how well an index finds."),
    "extract": _Builtin("codeindex.cli.extract:extract", "Write snippets of code as JSON."),
    "index": _Builtin("codeindex.cli.index:index", "Make an index, or bring it up to date."),
    "optimize": _Builtin("codeindex.cli.optimize:optimize", "Make searches as fast as can be."),
    "pack": _Builtin("codeindex.cli.pack:pack", "Put an index and its encoder into one file."),
    "pairs": _Builtin("codeindex.cli.pairs:pairs", "Make pairs of text and code to train on."),
    "plugins": _Builtin("codeindex.cli.plugins:plugins", "Show what the plugins offer."),
    "rebuild": _Builtin("codeindex.cli.rebuild:rebuild", "Make the backend of an index anew."),
    "remove": _Builtin("codeindex.cli.remove:remove", "Take sources out of an index."),
    "search": _Builtin("codeindex.cli.search:search", "Find code by meaning."),
    "similar": _Builtin("codeindex.cli.similar:similar", "Find code that is like other code."),
    "status": _Builtin("codeindex.cli.status:status", "Show what is in an index."),
    "unpack": _Builtin("codeindex.cli.unpack:unpack", "Make an index of a packed file."),
    "vectors": _Builtin("codeindex.cli.vectors:vectors", "Write vectors as files, or read them."),
    "verify": _Builtin("codeindex.cli.verify:verify", "Check an index, and repair it."),
}


class ReaderGone(Exception):
    """Whoever read the output (``head``, ``less``) has seen enough."""


class LazyGroup(click.Group):
    """Knows its commands' names and summaries; imports one when it is run."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, which would end with 1 where output is read no more: "nothing found".

        Raises:
            ReaderGone: it is.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderGone from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Built-in commands and those of plugins, by name."""
        return sorted({*_BUILTINS, *_session(ctx).host.commands.names()})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command `name`, imported now."""
        if name in _BUILTINS:
            return _checked(ctx, name, _load(_BUILTINS[name].target))
        host = _session(ctx).host
        if name not in host.commands.names():
            return None
        return _checked(ctx, name, _load(host.commands.get(name).spec.target))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; a plugin that is broken is mentioned where its command is missed."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            broken = _session(ctx).host.broken
            notes = "".join(f"\nPlugin {p.name!r} is broken: {p.error}" for p in broken)
            near = get_close_matches(args[0], self.list_commands(ctx), 1) if args else []
            if near and "Did you mean" not in error.format_message():
                notes = f" Did you mean {near[0]!r}?{notes}"
            raise click.UsageError(error.format_message() + notes, ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and summaries, without importing a command."""
        offers = {
            offer.spec.name: offer.spec.summary for offer in _session(ctx).host.commands.offers()
        }
        rows = {name: builtin.summary for name, builtin in _BUILTINS.items()} | offers
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows.items()))


def _session(ctx: click.Context) -> Session:
    """The session, with what the command line and the settings say.

    A command of a plugin is looked for before the group's own function runs, and ``--help``
    is answered before there are parameters: so it is set up here, when it is first needed.
    """
    session = ctx.ensure_object(Session)
    given = ctx.params
    if "skip" in given and not session.ready:
        from codeindex.cli.settings import load_settings

        session.ready = True
        session.quiet = given["quiet"]
        settings = load_settings(given["config"])
        session.settings = settings
        session.skip_plugins = given["skip"]
        session.plugin_files = [*settings.plugins, *given["plugin"]]
        ctx.default_map = dict(settings.defaults)
        if settings.ignored_plugins:
            session.say(
                f"note: {settings.path} names plugins; they are loaded only when you name the"
                f" settings yourself: codeindex --config {settings.path} …"
            )
    return session


def _checked(ctx: click.Context, name: str, command: click.Command) -> click.Command:
    """The command; its table in the settings has been found to name options that there are."""
    settings = _session(ctx).settings
    if settings is None:
        return command
    for words in settings.own:
        first, _, second = words.partition(" ")
        if first == name:
            from codeindex.cli.settings import check_table

            inner: click.Command | None = command
            if second and isinstance(command, click.Group):
                inner = command.get_command(ctx, second)
            options = {option.name or "" for option in inner.params} if inner else set()
            check_table(settings, words, options)
    return command


def _load(target: str) -> click.Command:
    module_name, _, attribute = target.partition(":")
    command = getattr(importlib.import_module(module_name), attribute)
    if not isinstance(command, click.Command):
        raise PluginError(f"{target} is no click command")
    return command


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: codeindex index && codeindex search 'parse a date string'",
)
@click.option("--quiet", "-q", is_flag=True, help="Print results and errors only.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--no-plugin",
    "skip",
    multiple=True,
    metavar="NAME",
    help="Do not load this plugin. May be repeated.",
)
@click.option(
    "--plugin",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Load a plugin from this Python file, and run it. May be repeated.",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings file. Default: codeindex.toml, or [tool.codeindex] in pyproject.toml,"
    " from the current folder upwards.",
)
@click.version_option(__version__, prog_name="codeindex")
@click.pass_context
def codeindex(ctx: click.Context, /, **given: Any) -> None:
    """Turn code into a searchable vector index, and search it by meaning, offline."""
    _session(ctx)
