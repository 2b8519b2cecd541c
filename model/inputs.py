"""Constants of the networks' inputs: crop size, depth range and channels of the joint features."""

from __future__ import annotations

CROP_SIZE = 256  # px, side of the cached crop; K_crop is in its pixels, and smaller inputs are resized from it
DEPTH_RANGE_MM = 1000.0  # the depth axis spans the root ± this
FEATURE_CHANNELS = 48  # per joint, in the last decoder layer of BlazePose's landmark network
