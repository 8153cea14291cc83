"""A run, from its plan to its verdict.

``machine`` decides and never acts; ``conductor`` acts and never decides; what a failure leads to is a table in
``policy``.
"""
