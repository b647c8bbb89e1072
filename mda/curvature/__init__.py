"""Approximations of the curvature H of a head's blocks: identity, diagonal, K-FAC, EK-FAC and exact."""
