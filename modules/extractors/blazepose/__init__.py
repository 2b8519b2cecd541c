"""BlazePose: the default extractor, run by LiteRT without TensorFlow.

In: raw RGB images and their cameras, and the pinned tflite weights in pre_models/blazepose.
Out: one `Estimate` per image, from the 33 landmarks of the most confident person, with or without multi-crop TTA.
"""
