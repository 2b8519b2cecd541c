"""Prediction, lifting to the world, baselines without learning, and calibrated uncertainty.

In: networks, samples and cache rows. Out: joints in world mm, and each joint's expected error.
"""
