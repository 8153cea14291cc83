"""How large a spec may be. A spec may come from somebody else: what is larger is refused before it costs anything."""

from __future__ import annotations

MAX_BYTES = 16 << 20
"""Of a file or an expanded text. 256 steps of 10,240 characters, each of those written as \\uXXXX, are 15.7 MB."""
MAX_DEPTH = 100
"""Levels of objects and arrays in each other."""
MAX_VALUES = 200_000
"""Values in a file, objects and arrays included."""
MAX_NUMBER = 400
"""Characters of a number. Python refuses to read some thousands of digits, and nothing here needs them."""
