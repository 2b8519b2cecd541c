"""A synthetic, multi-camera data set with exact truth: people, motion, rooms, cameras and a renderer, from packages alone."""
