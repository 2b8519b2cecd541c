"""What is visible of a person: skin, face, hair, clothes and shoes, built once in the rest pose and skinned to the bones.

In: a `Person`, their `Shape` and a random generator.
Out: an `Outfit`, whose `meshes` are the surfaces of a given pose in world mm.
"""
