"""From a model's file to a model that serves: checks, loads, room in memory, pulls."""
