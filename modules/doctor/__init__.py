"""Checks a data set on disk: files, units, axes, and whether labels project onto the people in the images.

In: a config and a split. The extractor's 2D joints, which need no calibration, are the reference detection.
Out: a `Report` with notes, problems (each with its fix), and a contact sheet of labels drawn on images.
"""
