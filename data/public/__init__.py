"""Imports public data sets, which a user has fetched, into the competition's layout.

In: the folder of a set as it is published, and images taken out of its videos.
Out: images, cameras, and labels where the set has SMPL's 24 joints (3DPW); without labels, images are test images.
"""
