"""The parametric body: who a person is, the shape of their skin, and the 24 SMPL joints within it.

In: a random generator, or phenotypes of the anny body model.
Out: `Person`, `Shape` (rest pose), `Posed` (posed vertices) and joints (24, 3), all in mm.
"""
