"""Go's text/template for configuration files, with missing keys as errors: parse, lint, expand.

Pure: whatever a template sees beside its data comes from a World. Bounded: Limits hold for any text, hostile or not.
`define`, `template` and `block` are refused, as are complex numbers; all else is Go's language and functions.

    template = parse('{"bucket": "{{.bucket}}/run={{nowWithFormat "2006-01-02"}}"}')
    expansion = expand(template, {"bucket": "s3://data"}, world)
"""

from dataflow_runner.specs.template.errors import TemplateError
from dataflow_runner.specs.template.lexer import spans
from dataflow_runner.specs.template.limits import Limits
from dataflow_runner.specs.template.nodes import Template
from dataflow_runner.specs.template.parser import parse, problems
from dataflow_runner.specs.template.references import FieldUse, References, WorldCall, references
from dataflow_runner.specs.template.render import Expansion, expand
from dataflow_runner.specs.template.values import Value
from dataflow_runner.specs.template.world import World

__all__ = [
    "Expansion",
    "FieldUse",
    "Limits",
    "References",
    "Template",
    "TemplateError",
    "Value",
    "World",
    "WorldCall",
    "expand",
    "parse",
    "problems",
    "references",
    "spans",
]
