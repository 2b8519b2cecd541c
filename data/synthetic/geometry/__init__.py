"""Geometry that knows nothing of people or rooms: rotations, meshes with materials and lights, solids, sheets, tubes.

In: numbers (angles, sizes, vertex fields).
Out: (3, 3) rotations, `Mesh`, `Material`, `Lighting`, and triangles with their vertices in mm.
"""
