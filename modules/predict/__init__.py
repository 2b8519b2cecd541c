"""Predicts any images or video of one calibrated camera, through the modules of the three stages.

In: images, folders, lists or a video, and one camera file. Out: `Poses` of all people, and the files made of them.
"""
