"""Benchmarks of codeindex: one file each, run by ``python -m benchmarks``.

Every benchmark measures whole processes or warm calls of what users run, in turn with its
peer on the same machine, and reports medians. Results are files in ``benchmarks/results/``.
"""
