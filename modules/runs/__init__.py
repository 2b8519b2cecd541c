"""The results of training on disk: run folders, checkpoints, and released weights.

In: a config, a trained network. Out: files that are written atomically, found by their key, and read without running code.
"""
