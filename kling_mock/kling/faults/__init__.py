"""Faults, which make things go wrong on purpose: their kinds, their targets, their effects."""
