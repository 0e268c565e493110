"""The agent as a part of a mesh: its session with the controller and the models that are placed on it."""
