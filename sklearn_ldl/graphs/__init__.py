"""Nearest-neighbour graphs over auxiliary labels."""

from sklearn_ldl.graphs.aux_graph import AuxGraphNeighbors

__all__ = ["AuxGraphNeighbors"]
