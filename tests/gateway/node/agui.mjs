// The client of AG-UI, as a page uses it: node agui.mjs URL SCENARIO THREAD. Prints what the page would show.
import { HttpAgent } from "@ag-ui/client";

const [url, scenario, threadId] = process.argv.slice(2);
const agentOf = (kind, initialMessages = []) => new HttpAgent({ url: `${url}/v1/agui/${kind}`, threadId, initialMessages });

async function run(agent, parameters = {}) {
  const told = { events: [], interrupts: [], error: null, outcome: null };
  await agent.runAgent(parameters, {
    onEvent: ({ event }) => void told.events.push(event.type),
    onRunFinishedEvent: ({ outcome, interrupts }) => {
      told.outcome = outcome;
      told.interrupts = interrupts ?? [];
    },
    onRunErrorEvent: ({ event }) => void (told.error = event.message),
  });
  return told;
}

const ask = (agent, content, id = crypto.randomUUID()) => agent.addMessage({ id, role: "user", content });
const resolve = (interrupts, payload) => interrupts.map(({ id }) => ({ interruptId: id, status: "resolved", payload }));
const shown = (agent) => agent.messages.map(({ role, content, toolCalls }) => ({ role, content, tools: toolCalls?.map((call) => call.function.name) }));

const scenarios = {
  // A job of several runs, over a page that is loaded anew while it is asked something.
  async interrupts() {
    const agent = agentOf("golden.desk");
    ask(agent, "Where is my money?");
    const first = await run(agent);
    const page = agentOf("golden.desk");
    const reloaded = await run(page);
    const before = shown(page);
    const second = await run(page, { resume: resolve(reloaded.interrupts, { approved: true, note: "seen" }) });
    const third = await run(page, { resume: resolve(second.interrupts, { answer: "card" }) });
    return { first, reloaded, before, second, third, messages: shown(page) };
  },
  async again() {
    const agent = agentOf("talk.again");
    ask(agent, "hello");
    const told = await run(agent);
    return { told, messages: shown(agent) };
  },
  async failure() {
    const agent = agentOf("talk.fail");
    ask(agent, "hello");
    return { told: await run(agent), messages: shown(agent) };
  },
  // The same run, sent again: it is the same job, told from its start.
  async repeat() {
    const agent = agentOf("talk.echo");
    ask(agent, "hello", "m1");
    await run(agent, { runId: "run-1" });
    const page = agentOf("talk.echo", [{ id: "m1", role: "user", content: "hello" }]);
    const told = await run(page, { runId: "run-1" });
    const third = agentOf("talk.echo", [{ id: "m1", role: "user", content: "hello" }]);
    await run(third, { runId: "run-2" });
    return { told, messages: shown(page), third: shown(third) };
  },
  async two() {
    const agent = agentOf("talk.echo");
    ask(agent, "one");
    await run(agent);
    ask(agent, "two");
    await run(agent);
    const page = agentOf("talk.echo");
    await run(page);
    return { messages: shown(agent), page: shown(page) };
  },
};

console.log(JSON.stringify(await scenarios[scenario]()));
