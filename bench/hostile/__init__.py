"""Hostile input for a running mesh: a generator for each kind, and a benchmark that sends it beside a well-behaved client."""
