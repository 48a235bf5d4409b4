"""Figures, beside a ceiling measured in the same run."""
