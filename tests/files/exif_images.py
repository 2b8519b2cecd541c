"""Makes small JPEG files with an EXIF orientation."""

import struct

import cv2
import numpy as np


def jpeg(width: int, height: int, orientation: int, order: str = "II") -> bytes:
    """Returns a JPEG, white in its left half, with an EXIF orientation in either byte order."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2] = 255
    data = cv2.imencode(".jpg", image)[1].tobytes()
    tiff = struct.pack(
        ("<" if order == "II" else ">") + "2sHIHHHIHHI", order.encode(), 42, 8, 1, 0x112, 3, 1, orientation, 0, 0
    )
    return data[:2] + b"\xff\xe1" + (len(tiff) + 8).to_bytes(2, "big") + b"Exif\0\0" + tiff + data[2:]
