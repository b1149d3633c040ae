"""The UI message stream of the AI SDK, version 1: what `useChat` talks to.

https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol
"""
