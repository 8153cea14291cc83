"""What a right shape may still get wrong: pure rules over a spec's values, each problem with its pointer.

Facts about EMR are from its API reference and release notes. Nothing here asks AWS.
"""

from dataflow_runner.specs.lint.cluster import lint_cluster
from dataflow_runner.specs.lint.playbook import lint_playbook
from dataflow_runner.specs.lint.together import Pair, lint_together

__all__ = ["Pair", "lint_cluster", "lint_playbook", "lint_together"]
