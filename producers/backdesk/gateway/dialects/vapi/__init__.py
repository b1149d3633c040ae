"""Vapi, which has telephone calls answered: tools that are jobs. Its custom model is a client of Chat Completions."""
