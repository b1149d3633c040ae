import time

from openai import OpenAI

client = OpenAI()  # OPENAI_BASE_URL=http://127.0.0.1:8000/v1, OPENAI_API_KEY=bdk_…

response = client.responses.create(
    model="support.request",
    input="What are your opening hours?",
    background=True,
)
while response.status in {"queued", "in_progress"}:
    time.sleep(0.2)
    response = client.responses.retrieve(response.id)
print(response.status, response.output_text)

for event in client.responses.retrieve(response.id, stream=True, starting_after=1):
    if event.type == "response.output_text.delta":
        print(event.sequence_number, event.delta)
