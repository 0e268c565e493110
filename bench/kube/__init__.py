"""The operator beside a plain watch-and-patch loop. Figures are in `bench/OPERATOR.md`."""
