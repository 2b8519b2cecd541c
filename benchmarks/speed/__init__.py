"""The speed benchmark: time and memory of each stage, compared with another way to do the same.

In: the demo, or another data set. Out: docs/results/speed.json and the tables of docs/speed.md.
"""
