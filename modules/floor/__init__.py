"""Measures which way is up and where the floor is, for worlds whose camera files do not declare it.

In: people in world mm (labels, or triangulated 2D joints) and the cameras of their recordings. Out: a `World` for each
group of recordings, with its up, its floor and their uncertainty, or the sentence of why it has none.
"""
