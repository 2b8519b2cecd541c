"""The networks: PoseNet with its pose and image branches, and the network of the original recipe.

In: batches of samples (see modules.dataset). Out: joints in crop coordinates, root depth and log error. This package imports
nothing else of the project.
"""
