"""Makes a labelled data set from recordings by two or more calibrated cameras.

In: videos or folders of images of one person or several, and the cameras' calibration.
Out: images, cameras and triangulated labels with their uncertainty in the competition's layout, and a page on their quality.
"""
