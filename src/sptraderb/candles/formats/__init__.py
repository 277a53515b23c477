"""Import formats: one file for each layout that a vendor writes."""
