"""Checkpoint stores side by side: the same states saved, restored and listed through each. See README.md."""
