"""Image to label image: the segmentation methods."""
