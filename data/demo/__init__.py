"""Makes the demo data set: one person seen by four calibrated cameras, labelled by triangulation.

In: the videos and the calibration of the pose2sim package, which are downloaded.
Out: data/demo/test_camera_<k> and data/demo/zero_shot_camera_<k> in the competition's layout.
"""
