"""Stage 3: predicts the test images with a trained run, compares with the baselines, and writes the results.

In: a run folder, the test cache, the sample submission. Out: the submission, its uncertainty, tables, overlays and plots.
"""
