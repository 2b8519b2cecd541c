"""A synthetic multi-camera data set with exact ground truth: people, poses, clothes, scenes, cameras and a renderer.

Everything comes from pip packages. `generate` is the command that makes a set, `plan` defines its splits and file names, and
`landmark_map` fits BlazePose's landmarks to its joints. The packages, from top to bottom: recording, render, scene, clothes,
pose, body, geometry.
"""
