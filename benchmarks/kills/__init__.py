"""Kills every stage at random moments, starts the same command again, and compares the files with an undisturbed run's."""
