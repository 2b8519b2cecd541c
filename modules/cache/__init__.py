"""The cache: all that extraction passes on to training and testing.

In: images, cameras and labels, through an extractor. Out: `Rows`, arrays with one row per image, with their person crops and
joint features.
"""
