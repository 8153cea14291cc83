"""The tool that knows Snowplow: checks, and later makes, what the runner runs."""
