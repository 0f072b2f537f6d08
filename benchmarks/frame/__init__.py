"""What the benchmarks share: timing, corpora, the peer, result files and the table."""
