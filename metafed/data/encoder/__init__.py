"""Texts as vectors of a pretrained sentence encoder: frozen, encoded once a machine, never downloaded."""
