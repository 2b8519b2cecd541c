"""Finds cameras that cannot be right without any label: from their numbers, from people's size, posture and feet, and
from views of one moment.

In: rows of the cache, or the same columns from a few images; camera files and image headers alone.
Out: `Finding`s: a sentence with its cause and its fix, and whether it is a problem or only a note.
"""
