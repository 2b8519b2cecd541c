"""Natural poses: motion-capture clips and a rejection sampler with joint limits, collisions, floor contact and balance.

In: a random generator, a `Shape` and the thickness of the soles.
Out: `SampledPose`: a `Pose` that stands on the floor z = 0, and where it came from.
"""
