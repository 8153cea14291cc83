"""The command line: options become values, values one call, errors an exit code."""
