// Vercel's AI SDK: a loop of tools, and a stream.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { functions, numbers, task, tell, url } from "./tools.mjs";

const model = createOpenAICompatible({ name: "mesh", baseURL: `${url}/v1`, apiKey: "none" })("m");
const tools = Object.fromEntries(
  Object.entries(functions).map(([name, run]) => [name, tool({ description: `${name} two numbers`, inputSchema: jsonSchema(numbers), execute: async (given) => run(given) })]),
);
const { text: answer } = await generateText({ model, prompt: task, tools, stopWhen: stepCountIs(5), maxRetries: 0 });
let streamed = "";
for await (const part of streamText({ model, prompt: "Hello!", maxRetries: 0 }).textStream) streamed += part;
tell({ answer, streamed });
