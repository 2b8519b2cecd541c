"""Calibrates cameras with a printed ChArUco board: its PDF, the lens from a video of it, the pose from it on the floor.

In: videos or images in which the printed board is seen. Out: camera files, and pictures to judge them by.
"""
