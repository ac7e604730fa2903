"""Symbolic knowledge distillation (West et al., arXiv 2110.07178): corpus, critic, student."""
