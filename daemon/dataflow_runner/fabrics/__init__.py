"""Where clusters run: one protocol, and a package for each fabric behind it."""
