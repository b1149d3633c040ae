"""`support.request`: a customer's message, answered by the agents of the service desk."""
