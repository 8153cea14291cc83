"""A local EMR: it speaks the real wire protocol, really runs the steps, and can be told to misbehave."""
