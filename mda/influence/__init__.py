"""Influence of training rows and tokens on a probe, through the weight blocks of chosen heads."""
