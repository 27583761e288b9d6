"""Find text that occurs more than once inside of documents: lines, paragraphs, long passages."""
