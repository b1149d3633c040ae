"""AG-UI 1.0 (https://docs.ag-ui.com): what pages of assistant-ui, CopilotKit and others talk to agents by."""
