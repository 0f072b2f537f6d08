"""Ranking: its weights are fitted here, and what each signal earns is measured."""
