"""Reconstructs 3D points from several calibrated cameras and refines the cameras' extrinsics.

In: undistorted 2D points (C, F, N, 2) px of C cameras and F frames, weights (C, F, N), and cameras.
Out: 3D points (F, N, 3) world mm, which views have left and right swapped, and refined cameras.
"""
