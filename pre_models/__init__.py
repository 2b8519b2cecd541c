"""Fetches and releases pretrained weights; the weights are in the folders beside these files.

In: packages and archives from the network, or archives and folders that the user names; or a finished run.
Out: verified weight files in pre_models/<name>, and the released pre_models/posenet/posenet.safetensors.
"""
