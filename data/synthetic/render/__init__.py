"""From meshes to a photograph: OpenGL without a window, lens distortion, and the processing of a camera.

In: `Mesh`, `Lighting` and a calibrated `Camera`.
Out: `Picture` (linear colour, depth in mm, mesh index per pixel) and JPEG bytes.
"""
