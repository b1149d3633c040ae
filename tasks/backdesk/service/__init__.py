"""The service desk: tickets, escalations with a promised time, and the knowledge base."""
