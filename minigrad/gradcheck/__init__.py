"""Checking gradients: numerical derivatives, samples of every op, mutants, reports."""
