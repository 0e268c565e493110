// OpenAI's client: runTools, a stream, and the Responses API.
import OpenAI from "openai";
import { functions, numbers, task, tell, url } from "./tools.mjs";

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
const runner = client.chat.completions.runTools({
  model: "m",
  messages: [{ role: "user", content: task }],
  tools: Object.entries(functions).map(([name, run]) => ({
    type: "function",
    function: { name, description: `${name} two numbers`, parameters: numbers, parse: JSON.parse, function: async (given) => String(run(given)) },
  })),
});
const answer = await runner.finalContent();
let streamed = "";
for await (const event of await client.responses.create({ model: "m", input: "Hello!", stream: true }))
  if (event.type === "response.output_text.delta") streamed += event.delta;
tell({ answer, streamed });
