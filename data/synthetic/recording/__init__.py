"""The recordings of a data set: one person from seed to files, people spread over processes, and the set's lists.

In: a root folder and the `Options` of data.synthetic.plan.
Out: images, cameras, labels, manifest, sample submission and contact sheet in the competition's layout.
"""
