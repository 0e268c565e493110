// Ollama's client: a loop of tools, and a stream.
import { Ollama } from "ollama";
import { functions, numbers, task, tell, url } from "./tools.mjs";

const client = new Ollama({ host: url });
const tools = Object.keys(functions).map((name) => ({ type: "function", function: { name, description: `${name} two numbers`, parameters: numbers } }));
const messages = [{ role: "user", content: task }];
let message;
while ((message = (await client.chat({ model: "m", messages, tools })).message).tool_calls?.length) {
  messages.push(message);
  for (const { function: called } of message.tool_calls)
    messages.push({ role: "tool", tool_name: called.name, content: String(functions[called.name](called.arguments)) });
}
let streamed = "";
for await (const part of await client.chat({ model: "m", messages: [{ role: "user", content: "Hello!" }], stream: true }))
  streamed += part.message.content;
tell({ answer: message.content, streamed });
