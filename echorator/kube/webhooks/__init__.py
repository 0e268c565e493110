"""Admission: the server that API servers ask, its certificates, and the checks behind it."""
