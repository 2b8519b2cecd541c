"""Fills the disk at every write of a stage and loses its renames, then starts the same command again and compares."""
