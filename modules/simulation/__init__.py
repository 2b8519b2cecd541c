"""Augmentation of training images, simulated and real views for the pose branch, and the extractor's error model.

In: labelled rows of the cache, the TRAIN section. Out: samples of the pose branch, with exact geometry.
"""
