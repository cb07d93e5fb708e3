"""The author's words about one page: the annotation file as values, its reader, and which calls it speaks of."""
