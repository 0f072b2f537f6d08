"""What the benchmarks of reliability share: small trees, states of indexes, killed commands."""
