"""How groups of people appear in a corpus: representation, association, and who the filters drop."""
