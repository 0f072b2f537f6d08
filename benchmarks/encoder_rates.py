"""How many functions a second the shipped encoders embed, in one process on all cores."""

from __future__ import annotations

import time
from statistics import median

from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.frame.functions import function_texts
from codeindex.encoding import make_encoder
from codeindex.host import Host

GOALS = {"fast": 8000, "small": 150}
_COUNTS = {"fast": 20_000, "small": 1500}


def measure(settings: Settings) -> list[Measure]:
    """Texts as an index embeds them, of the standard library and Django; warmed up once."""
    host = Host.load()
    encoders = {name: make_encoder(host, name, {}) for name in GOALS}
    texts = {name: function_texts(settings, count) for name, count in _COUNTS.items()}
    rates: dict[str, list[float]] = {name: [] for name in GOALS}
    for name, encoder in encoders.items():
        encoder.encode_corpus(texts[name][:100])
    for _ in range(settings.repeats):
        for name, encoder in encoders.items():
            started = time.perf_counter()
            encoder.encode_corpus(texts[name])
            rates[name].append(len(texts[name]) / (time.perf_counter() - started))
    return [
        Measure(
            f"functions embedded a second by `{name}`",
            round(median(rates[name]), 1),
            "/s",
            goal,
            f"{len(texts[name]):,} functions of the standard library and Django",
            {name: rates[name]},
            at_least=True,
        )
        for name, goal in GOALS.items()
    ]


BENCHMARK = Benchmark("encoder_rates", "the shipped encoders on CPU", measure)
