"""What surrounds a person: the cameras, a furnished room or open ground, its lighting, occluders and seats.

In: a random generator and the joints of all frames (F, 24, 3) in world mm.
Out: `View` (a camera each) and `Surroundings` (meshes and lighting).
"""
