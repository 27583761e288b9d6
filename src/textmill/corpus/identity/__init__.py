"""Terms that name groups of people, attributes or dialects, and finding them in many documents at once."""
