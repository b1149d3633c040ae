// The chat of the AI SDK, as useChat has it without React: node ui.mjs URL SCENARIO CHAT. Prints what a page would show.
import {
  AbstractChat,
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
} from "ai";

const [url, scenario, id] = process.argv.slice(2);

class State {
  status = "ready";
  error = undefined;
  messages = [];
  pushMessage = (message) => (this.messages = [...this.messages, message]);
  popMessage = () => (this.messages = this.messages.slice(0, -1));
  replaceMessage = (index, message) => (this.messages = this.messages.with(index, structuredClone(message)));
  snapshot = (value) => structuredClone(value);
}

class Chat extends AbstractChat {
  constructor(kind, messages = []) {
    const state = new State();
    state.messages = messages;
    super({
      id,
      state,
      transport: new DefaultChatTransport({ api: `${url}/v1/ui/${kind}` }),
      sendAutomaticallyWhen: (told) =>
        lastAssistantMessageIsCompleteWithApprovalResponses(told) || lastAssistantMessageIsCompleteWithToolCalls(told),
      onError: (error) => void (this.failure = error.message),
    });
  }
}

const text = (chat) => chat.messages.map(({ role, parts }) => `${role}: ${parts.filter((part) => part.type === "text").map((part) => part.text).join("")}`);
const last = (chat) => text(chat).at(-1) ?? "";
const tools = (chat) => chat.messages.at(-1).parts.filter((part) => part.toolCallId).map(({ toolName, state, output, approval }) => ({ toolName, state, output, approved: approval?.approved }));
const until = async (holds, shown) => {
  for (let turn = 0; turn < 1000 && !holds(); turn++) await new Promise((done) => setTimeout(done, 20));
  if (!holds()) throw new Error(`never: ${holds} ${shown?.()}`);
};
const waits = (chat, state) => () => chat.status === "ready" && chat.messages.at(-1)?.parts.some((part) => part.state === state);

async function answered(chat) {
  const approval = chat.messages.at(-1).parts.find((part) => part.state === "approval-requested");
  await chat.addToolApprovalResponse({ id: approval.approval.id, approved: true });
  await until(waits(chat, "input-available"), () => JSON.stringify([chat.status, chat.failure, chat.messages]));
  const question = chat.messages.at(-1).parts.find((part) => part.toolName === "ask_user");
  await chat.addToolOutput({ tool: "ask_user", toolCallId: question.toolCallId, output: "card" });
  await until(() => chat.status === "ready" && last(chat).includes("booked"), () => JSON.stringify([chat.status, chat.failure, chat.messages]));
}

const scenarios = {
  async interrupts() {
    const chat = new Chat("golden.desk");
    await chat.sendMessage({ text: "Where is my money?" });
    const asked = { text: text(chat), tools: tools(chat) };
    await answered(chat);
    return { asked, text: text(chat), tools: tools(chat), failure: chat.failure };
  },
  async reload() {
    const first = new Chat("golden.desk");
    await first.sendMessage({ text: "Where is my money?" });
    const page = new Chat("golden.desk", first.messages.slice(0, 1));
    await page.resumeStream();
    const shown = tools(page);
    await answered(page);
    const after = await fetch(`${url}/v1/ui/golden.desk/${id}/stream`);
    return { shown, text: text(page), tools: tools(page), after: after.status, failure: page.failure };
  },
  async deny() {
    const chat = new Chat("talk.ask");
    await chat.sendMessage({ text: "hello" });
    const { approval } = chat.messages.at(-1).parts.find((part) => part.state === "approval-requested");
    await chat.addToolApprovalResponse({ id: approval.id, approved: false, reason: "no" });
    await until(waits(chat, "input-available"));
    return { tools: tools(chat), failure: chat.failure };
  },
  async again() {
    const chat = new Chat("talk.again");
    await chat.sendMessage({ text: "hello" });
    return { text: text(chat), failure: chat.failure };
  },
  async failure() {
    const chat = new Chat("talk.fail");
    await chat.sendMessage({ text: "hello" });
    return { status: chat.status, failure: chat.failure };
  },
  // The page hangs up, which ends nothing, is loaded anew, and then stopped.
  async stop() {
    const chat = new Chat("talk.slow");
    const sending = chat.sendMessage({ text: "hello" });
    await until(() => last(chat).includes("1 "));
    await chat.stop();
    await sending;
    const page = new Chat("talk.slow", chat.messages.slice(0, 1));
    const resuming = page.resumeStream();
    await until(() => last(page).includes("1 "));
    const stopped = await fetch(`${url}/v1/ui/talk.slow/${id}/stop`, { method: "POST" });
    await resuming;
    return { stopped: stopped.status, text: text(page), status: page.status, failure: page.failure };
  },
  // The gateway is killed while this page streams, and comes back: reads "back" on its input.
  async killed() {
    const chat = new Chat("golden.slow");
    const sending = chat.sendMessage({ text: "hello" });
    await until(() => last(chat).includes("3 "));
    console.log("streaming");
    await sending;
    const broken = chat.status;
    await new Promise((done) => process.stdin.once("data", done));
    const page = new Chat("golden.slow", chat.messages.slice(0, 1));
    await page.resumeStream();
    process.stdin.destroy();
    return { broken, text: text(page), failure: page.failure };
  },
};

console.log(JSON.stringify(await scenarios[scenario]()));
