"""The Responses API of OpenAI, as its clients speak it, and as Open Responses has it. https://www.openresponses.org."""
