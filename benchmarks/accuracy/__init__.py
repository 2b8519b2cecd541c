"""The accuracy benchmark: PoseNet, its variants and untrained baselines on three test sets.

In: the project's own data sets, made and extracted on demand. Out: one JSON per row, set and seed in docs/results/accuracy,
the tables of docs/accuracy.md and both READMEs, and docs/images/accuracy.png.
"""
