"""Suffixes of source files and the languages that they are written in."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from codeindex.claims import Claim, Claims
from codeindex.errors import OptionError

# Source code, so without markup, styles, data and notebooks.
_SUFFIXES = {
    "Ada": ".adb .ads",
    "Assembly": ".asm .s",
    "C": ".c .h",
    "C#": ".cs",
    "C++": ".cc .cpp .cxx .c++ .hh .hpp .hxx .h++ .ipp .tpp",
    "Clojure": ".clj .cljc .cljs",
    "Common Lisp": ".lisp .lsp .cl",
    "Cuda": ".cu .cuh",
    "Cython": ".pyx .pxd .pxi",
    "D": ".d",
    "Dart": ".dart",
    "Elixir": ".ex .exs",
    "Emacs Lisp": ".el",
    "Erlang": ".erl .hrl",
    "F#": ".fs .fsi .fsx",
    "Fortran": ".f .for .f77 .f90 .f95 .f03 .f08",
    "Go": ".go",
    "Groovy": ".groovy",
    "Haskell": ".hs .lhs",
    "Java": ".java",
    "JavaScript": ".js .cjs .mjs .jsx",
    "Julia": ".jl",
    "Kotlin": ".kt .kts",
    "Lean": ".lean",
    "Lua": ".lua",
    "MATLAB": ".m",
    "Mojo": ".mojo",
    "Nim": ".nim",
    "OCaml": ".ml .mli",
    "Objective-C++": ".mm",
    "PHP": ".php",
    "Pascal": ".pas",
    "Perl": ".pl .pm",
    "PowerShell": ".ps1 .psm1",
    "Python": ".py .pyi .pyw",
    "R": ".r",
    "Racket": ".rkt",
    "Ruby": ".rb",
    "Rust": ".rs",
    "SQL": ".sql",
    "Scala": ".scala .sc",
    "Scheme": ".scm",
    "Shell": ".sh .bash .zsh .fish",
    "Solidity": ".sol",
    "Stan": ".stan",
    "Swift": ".swift",
    "SystemVerilog": ".sv .svh",
    "Tcl": ".tcl",
    "TypeScript": ".ts .tsx .cts .mts",
    "VHDL": ".vhd .vhdl",
    "Verilog": ".v",
    "Visual Basic": ".vb",
    "Zig": ".zig",
}
_NAMES = {name.lower(): name for name in _SUFFIXES}


def language_name(language: str) -> str:
    """``python`` → ``Python``: as people write it."""
    return _NAMES[language]


def source_claims(languages: Sequence[str] = ()) -> Claims:
    """The files that are source code, for a walk; in these languages, or in any known one.

    Args:
        languages: names in any case.

    Raises:
        OptionError: a language is not known.
    """
    for given in languages:
        if given.lower() not in _NAMES:
            near = get_close_matches(given.lower(), _NAMES, 1)
            hint = f"did you mean {_NAMES[near[0]]}?" if near else ""
            known = hint or f"known: {', '.join(_SUFFIXES)}"
            raise OptionError(f"unknown language {given!r}; {known}")
    wanted = {given.lower() for given in languages} or set(_NAMES)
    return Claims(
        {
            suffix: Claim("papers", name.lower())
            for name, suffixes in _SUFFIXES.items()
            if name.lower() in wanted
            for suffix in suffixes.split()
        },
        {},
    )
