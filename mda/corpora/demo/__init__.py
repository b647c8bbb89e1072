"""The demo corpus: generated documents that read as text, in which repetition and kind are separate facts."""
