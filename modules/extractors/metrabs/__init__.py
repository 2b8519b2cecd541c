"""MeTRAbs: the reference extractor, SavedModels of 2021 and of today, run with TensorFlow in the extraction's process.

In: raw RGB images and their cameras, a SavedModel's folder, and the config's METRABS section.
Out: one `Estimate` per image, for the person selected by METRABS.person, with the lens distortion removed.
"""
