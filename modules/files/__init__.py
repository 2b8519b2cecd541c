"""Reads and writes everything that lies on disk in the competition's layout: images, cameras, labels, submissions.

In: paths, and arrays in mm and px to be written. Only this package knows the file formats.
Out: `Frame`, `Camera` and NumPy arrays whose shapes and ranges are checked, or a `UserError` that names file and field.
"""
