"""Functions of users as workers of containers: found by their import paths, and tried in a child process first."""
