"""Probes: the differentiable function f(theta) that an influence is about. Larger = more of the behaviour."""
