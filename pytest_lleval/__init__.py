"""LLM evaluations as pytest tests people can trust."""
