"""Chat Completions of OpenAI, as its clients and those who copied it speak it."""
