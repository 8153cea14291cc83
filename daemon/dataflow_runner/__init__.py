"""Runs the steps of a playbook on a dataflow fabric: one run on the command line, many as a daemon."""

__version__ = "0.1.0"
