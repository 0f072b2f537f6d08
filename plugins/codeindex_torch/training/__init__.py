"""Contrastive fine-tuning: pairs in, checkpoints and a model folder out."""
