"""Trains the nets that abpn runs: float weights and the ranges of their activations, for `abpn model quantize`."""
