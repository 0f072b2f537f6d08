"""Ranking: what was asked, what each half of the search found, and which of it comes first."""
