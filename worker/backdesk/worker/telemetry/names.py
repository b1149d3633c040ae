"""The names that spans and metrics have, in one place: the conventions are in development, and rename.

Messaging: OpenTelemetry semantic conventions 1.44. Agents: semantic-conventions-genai 0.1.0, of which pydantic-ai emits
its own share. Sessions, users and tags: what Langfuse 5 reads; kinds of spans: OpenInference, which Phoenix reads.
"""

from __future__ import annotations

from typing import Final

MESSAGING_VERSION: Final = "1.44.0"
GEN_AI_VERSION: Final = "0.1.0"
SCHEMA_URL: Final = f"https://opentelemetry.io/schemas/{MESSAGING_VERSION}"

SYSTEM: Final = "messaging.system"
BACKDESK: Final = "backdesk"
DESTINATION: Final = "messaging.destination.name"
OPERATION_NAME: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGE_ID: Final = "messaging.message.id"
MESSAGE_CONVERSATION: Final = "messaging.message.conversation_id"
MESSAGE_SIZE: Final = "messaging.message.body.size"
BATCH_COUNT: Final = "messaging.batch.message_count"
ERROR_TYPE: Final = "error.type"
SEND: Final = "send"
PROCESS: Final = "process"

SENT_MESSAGES: Final = "messaging.client.sent.messages"
CONSUMED_MESSAGES: Final = "messaging.client.consumed.messages"
PROCESS_DURATION: Final = "messaging.process.duration"

GEN_AI_CONVERSATION: Final = "gen_ai.conversation.id"
GEN_AI_OPERATION: Final = "gen_ai.operation.name"

SESSION: Final = "session.id"
USER: Final = "user.id"
LANGFUSE_TAGS: Final = "langfuse.trace.tags"
OPENINFERENCE_KIND: Final = "openinference.span.kind"
CHAIN: Final = "CHAIN"

KIND: Final = "backdesk.kind"
ATTEMPT: Final = "backdesk.attempt"
OUTCOME: Final = "backdesk.outcome"
PARENT: Final = "backdesk.parent.id"
STEP_KEY: Final = "backdesk.step.key"
STEP_EFFECT: Final = "backdesk.step.effect"
REPLAYED: Final = "backdesk.replayed"
INPUT_TOKENS: Final = "backdesk.usage.input_tokens"
OUTPUT_TOKENS: Final = "backdesk.usage.output_tokens"
COST_USD: Final = "backdesk.usage.cost_usd"
