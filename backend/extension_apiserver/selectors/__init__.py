"""What a list must be, by labels and fields; and what names and keys of labels may be."""
