"""The networks of the paper, their augmentation and the bundle that a trained one is kept in."""
