"""Texts: secrets hidden in them, made safe to print, read as values, corrected."""
