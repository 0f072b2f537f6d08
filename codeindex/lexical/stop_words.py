"""English words that say nothing of what is looked for."""

from __future__ import annotations

_TEXT = """
a about all also an and any are as at be been being both but by can could did do does doing each for
from had has have having he her here his how i if in into is it its just me my no nor not of on one
only onto or our out over own she should so some such than that the their them then there these they
this those through to too under until up upon very was we were what when where which while who whom
why will with within without would you your
"""

STOP_WORDS = frozenset(_TEXT.split())
"""Lower-case. They are left out of questions only: in code some of them are keywords."""
