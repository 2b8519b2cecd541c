"""Calibrations of other programs, read as cameras.

In: a file or folder of one of the formats in `formats.py`, and what its user says of it (`ReadOptions`).
Out: `read_cameras`, cameras by name in px and mm (`modules.pose_utils.Camera`), or one sentence that says what is wrong.
"""
