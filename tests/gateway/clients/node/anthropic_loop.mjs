// Anthropic's client: a loop of tools over streamed messages.
import Anthropic from "@anthropic-ai/sdk";
import { functions, numbers, task, tell, url } from "./tools.mjs";

const client = new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 });
const tools = Object.keys(functions).map((name) => ({ name, description: `${name} two numbers`, input_schema: numbers }));
const messages = [{ role: "user", content: task }];
let message;
for (;;) {
  message = await client.messages.stream({ model: "m", max_tokens: 200, tools, messages }).finalMessage();
  if (message.stop_reason !== "tool_use") break;
  messages.push({ role: "assistant", content: message.content });
  const used = message.content.filter((block) => block.type === "tool_use");
  messages.push({
    role: "user",
    content: used.map(({ id, name, input }) => ({ type: "tool_result", tool_use_id: id, content: String(functions[name](input)) })),
  });
}
const { input_tokens } = await client.messages.countTokens({ model: "m", messages });
tell({ answer: message.content.find((block) => block.type === "text").text, counted: String(input_tokens) });
