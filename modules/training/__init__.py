"""The parts of the training loop in modules.trainer: batches, devices, nodes, optimizers, losses and seeds.

In: the TRAIN section of the config, cache rows. Out: batches, a Fabric, an optimizer with its schedule, loss values.
"""
